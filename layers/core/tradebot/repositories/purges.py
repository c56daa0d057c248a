"""Deletes what has expired. Row level security says what that is: of the rest the maintenance role sees nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

#: Of each table in one run, so that no transaction grows without bound.
_MOST = 5_000
_PURGES = {
    "refresh_tokens": "DELETE FROM refresh_tokens WHERE id IN"
    " (SELECT id FROM refresh_tokens WHERE family_expires_at < now() LIMIT :most)",
    "idempotency_keys": "DELETE FROM idempotency_keys WHERE id IN"
    " (SELECT id FROM idempotency_keys WHERE created_at < now() - interval '1 day' LIMIT :most)",
    "throttles": "DELETE FROM throttles WHERE key IN"
    " (SELECT key FROM throttles WHERE began_at < now() - interval '1 hour' LIMIT :most)",
    "outbox": "DELETE FROM outbox WHERE id IN"
    " (SELECT id FROM outbox WHERE created_at < now() - interval '30 days' LIMIT :most)",
    # Registered, and the address never confirmed.
    "users": "DELETE FROM users WHERE id IN (SELECT id FROM users WHERE verified_at IS NULL"
    " AND created_at < now() - interval '7 days' LIMIT :most)",
}


def purge_expired(session: Session) -> dict[str, int]:
    """Delete, and return how many rows of each table went."""
    gone = {}
    for table, statement in _PURGES.items():
        result = session.execute(text(statement), {"most": _MOST})
        gone[table] = result.rowcount  # type: ignore[attr-defined]  # a CursorResult, of a DELETE
    return gone
