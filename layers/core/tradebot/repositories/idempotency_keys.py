"""Requests that carried an Idempotency-Key."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from tradebot.models import IdempotencyKey

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

KEPT = timedelta(hours=24)
#: Longer than a function may run: whoever claimed it then did not live to say what became of it.
ABANDONED_AFTER = timedelta(seconds=60)
_UNSYNCHRONISED = {"synchronize_session": False}


def claim_key(session: Session, user_id: int, key: str, request_hash: str) -> bool:
    """Take a key that is new, or older than it is kept; tell whether it was."""
    statement = insert(IdempotencyKey).values(user_id=user_id, key=key, request_hash=request_hash)
    claimed = session.execute(
        statement.on_conflict_do_update(
            index_elements=[IdempotencyKey.user_id, IdempotencyKey.key],
            set_={
                "request_hash": request_hash,
                "created_at": func.now(),
                "status": None,
                "content_type": None,
                "body": None,
            },
            where=IdempotencyKey.created_at < func.now() - KEPT,
        ).returning(IdempotencyKey.id)
    ).one_or_none()
    return claimed is not None


def find_key(session: Session, user_id: int, key: str) -> Record | None:
    """Return request_hash, status (null while under way), content_type, body and is_abandoned."""
    return session.execute(
        select(
            IdempotencyKey.request_hash,
            IdempotencyKey.status,
            IdempotencyKey.content_type,
            IdempotencyKey.body,
            (IdempotencyKey.created_at < func.now() - ABANDONED_AFTER).label("is_abandoned"),
        ).where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key)
    ).one_or_none()


def keep_answer(session: Session, user_id: int, key: str, *, status: int, content_type: str | None, body: str) -> None:
    """Keep what was answered."""
    session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.user_id == user_id, IdempotencyKey.key == key, IdempotencyKey.status.is_(None))
        .values(status=status, content_type=content_type, body=body),
        execution_options=_UNSYNCHRONISED,
    )


def release_key(session: Session, user_id: int, key: str) -> None:
    """Forget a request that changed nothing."""
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.user_id == user_id, IdempotencyKey.key == key, IdempotencyKey.status.is_(None)
        ),
        execution_options=_UNSYNCHRONISED,
    )
