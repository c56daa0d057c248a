"""Rotations of data keys, of all users, as maintenance sees them: wrapped data keys and a cursor, no credentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import func, insert, select, update

from tradebot.models import ApiKey, KeyRotation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

#: Any number that nothing else in this database locks.
_START_LOCK = 7_203_114
_UNSYNCHRONISED = {"synchronize_session": False}

Outcome = Literal["rewrapped", "replaced", "unreadable"]


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A row's wrapped data key, base64, and whose it is."""

    api_key_id: int
    user_id: int
    encrypted_data_key: str


def find_rotation(session: Session) -> Record | None:
    """Return the rotation that is not finished."""
    return session.execute(
        select(KeyRotation.__table__).where(KeyRotation.finished_at.is_(None)).order_by(KeyRotation.id).limit(1)
    ).one_or_none()


def start_rotation(session: Session) -> Record:
    """Return the rotation that is not finished, or else a new one."""
    # Two commands at once start one.
    session.execute(select(func.pg_advisory_xact_lock(_START_LOCK)))
    under_way = find_rotation(session)
    if under_way is not None:
        return under_way
    of_all = select(func.coalesce(func.max(ApiKey.id), 0), func.count(ApiKey.id))
    return session.execute(
        insert(KeyRotation).from_select(("through_id", "total"), of_all).returning(*KeyRotation.__table__.c)
    ).one()


def get_rotation(session: Session, rotation_id: int) -> Record:
    """Return how far it has come."""
    return session.execute(select(KeyRotation.__table__).where(KeyRotation.id == rotation_id)).one()


def find_wrapped_keys(session: Session, rotation: Record, *, limit: int) -> Sequence[WrappedKey]:
    """Return the next keys of a rotation."""
    rows = session.execute(
        select(ApiKey.id, ApiKey.user_id, ApiKey.encrypted_data_key)
        .where(ApiKey.id > rotation.at_id, ApiKey.id <= rotation.through_id)
        .order_by(ApiKey.id)
        .limit(limit)
    )
    return [WrappedKey(*row) for row in rows]


def advance_rotation(session: Session, rotation_id: int, *, before: int, to: int) -> bool:
    """Move the cursor, and hold it until the transaction ends; False where another run has moved it."""
    moved = session.execute(
        update(KeyRotation)
        .where(KeyRotation.id == rotation_id, KeyRotation.at_id == before, KeyRotation.finished_at.is_(None))
        .values(at_id=to)
        .returning(KeyRotation.id),
        execution_options=_UNSYNCHRONISED,
    )
    return moved.one_or_none() is not None


def replace_data_key(session: Session, key: WrappedKey, encrypted_data_key: str) -> bool:
    """Store what KMS wrapped anew; False where the row holds another data key by now, or is gone."""
    stored = session.execute(
        update(ApiKey)
        .where(ApiKey.id == key.api_key_id, ApiKey.encrypted_data_key == key.encrypted_data_key)
        .values(encrypted_data_key=encrypted_data_key)
        .returning(ApiKey.id),
        execution_options=_UNSYNCHRONISED,
    )
    return stored.one_or_none() is not None


def count_key(session: Session, rotation_id: int, outcome: Outcome) -> None:
    """Count a key as what became of it."""
    session.execute(
        update(KeyRotation).where(KeyRotation.id == rotation_id).values({outcome: getattr(KeyRotation, outcome) + 1}),
        execution_options=_UNSYNCHRONISED,
    )


def finish_rotation(session: Session, rotation_id: int, *, at: int) -> None:
    """Finish, unless another run has done so or is further."""
    session.execute(
        update(KeyRotation)
        .where(KeyRotation.id == rotation_id, KeyRotation.at_id == at, KeyRotation.finished_at.is_(None))
        .values(at_id=KeyRotation.through_id, finished_at=func.now()),
        execution_options=_UNSYNCHRONISED,
    )
