"""Sessions as families of refresh tokens. Each token is used by one conditional UPDATE."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from tradebot.models import RefreshToken

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

IDLE = timedelta(days=7)
ABSOLUTE = timedelta(days=30)
_UNSYNCHRONISED = {"synchronize_session": False}


def begin_family(session: Session, user_id: int, token_hash: str) -> None:
    """Store the first token of a session."""
    session.execute(
        insert(RefreshToken)
        .inline()
        .values(
            user_id=user_id,
            family_id=uuid.uuid4(),
            token_hash=token_hash,
            expires_at=func.now() + IDLE,
            family_expires_at=func.now() + ABSOLUTE,
        )
    )


def use_token(session: Session, user_id: int, token_hash: str) -> Record | None:
    """Use the token: return its family_id and family_expires_at; None where it is used, revoked or expired."""
    return session.execute(
        update(RefreshToken)
        .where(
            RefreshToken.user_id == user_id,
            RefreshToken.token_hash == token_hash,
            RefreshToken.used_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > func.now(),
        )
        .values(used_at=func.now())
        .returning(RefreshToken.family_id, RefreshToken.family_expires_at),
        execution_options=_UNSYNCHRONISED,
    ).one_or_none()


def continue_family(
    session: Session, user_id: int, *, family_id: uuid.UUID, family_expires_at: datetime, token_hash: str
) -> None:
    """Store the next token of a session: idle for as long as any, but never beyond the session's end."""
    session.execute(
        insert(RefreshToken)
        .inline()
        .values(
            user_id=user_id,
            family_id=family_id,
            token_hash=token_hash,
            expires_at=func.least(func.now() + IDLE, family_expires_at),
            family_expires_at=family_expires_at,
        )
    )


def find_token(session: Session, user_id: int, token_hash: str) -> Record | None:
    """Return family_id, used_at and revoked_at of a token that was handed out to the user."""
    return session.execute(
        select(RefreshToken.family_id, RefreshToken.used_at, RefreshToken.revoked_at).where(
            RefreshToken.user_id == user_id, RefreshToken.token_hash == token_hash
        )
    ).one_or_none()


def revoke_family(session: Session, user_id: int, family_id: uuid.UUID) -> bool:
    """End a session; tell whether there was anything left to end."""
    ended = session.execute(
        update(RefreshToken)
        .where(
            RefreshToken.user_id == user_id,
            RefreshToken.family_id == family_id,
            RefreshToken.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
        .returning(RefreshToken.id),
        execution_options=_UNSYNCHRONISED,
    ).all()
    return bool(ended)


def revoke_all(session: Session, user_id: int) -> None:
    """End all sessions of the user."""
    session.execute(
        update(RefreshToken)
        .where(RefreshToken.user_id == user_id, RefreshToken.revoked_at.is_(None))
        .values(revoked_at=func.now()),
        execution_options=_UNSYNCHRONISED,
    )
