"""Exchange keys as bot_runner and maintenance read them: ciphertexts to open, and keys whose check is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Interval, cast, func, literal, or_, select, update

from tradebot.errors import NotFoundError
from tradebot.models import ApiKey

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A row's ciphertexts, base64."""

    environment: str
    encrypted_api_key: str
    encrypted_secret_key: str
    encrypted_data_key: str


@dataclass(frozen=True, slots=True)
class KeyToCheck:
    """A key that the exchange has to be asked about."""

    api_key_id: int
    user_id: int


def load_sealed_key(session: Session, user_id: int, api_key_id: int) -> SealedKey:
    """Return the ciphertexts of the user's key. Raises NotFoundError."""
    row = session.execute(
        select(
            ApiKey.environment, ApiKey.encrypted_api_key, ApiKey.encrypted_secret_key, ApiKey.encrypted_data_key
        ).where(ApiKey.id == api_key_id, ApiKey.user_id == user_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError("There is no such API key.")
    return SealedKey(*row)


@dataclass(frozen=True, slots=True)
class KeyCheckState:
    """What is known of a key, and since when: `updated_at` moves with every change of its row."""

    is_valid: bool
    check_error: str | None
    updated_at: datetime


def lock_key_check(session: Session, user_id: int, api_key_id: int) -> KeyCheckState | None:
    """Return what the last check found, and let no other check in between; None where the key is gone."""
    row = session.execute(
        select(ApiKey.is_valid, ApiKey.check_error, ApiKey.updated_at)
        .where(ApiKey.id == api_key_id, ApiKey.user_id == user_id)
        .with_for_update()
    ).one_or_none()
    return None if row is None else KeyCheckState(*row)


def record_key_check(
    session: Session, user_id: int, api_key_id: int, *, is_valid: bool, error: str | None, warning: str | None
) -> None:
    """Store what a check found."""
    session.execute(
        update(ApiKey)
        .where(ApiKey.id == api_key_id, ApiKey.user_id == user_id)
        .values(is_valid=is_valid, checked_at=func.now(), check_error=error, check_warning=warning),
        execution_options={"synchronize_session": False},
    )


def find_keys_to_check(session: Session, *, older_than_hours: int, limit: int) -> list[KeyToCheck]:
    """Return keys, of all users, that were never checked or not for that long; the longest waiting first."""
    age = cast(literal(f"{older_than_hours} hours"), Interval)
    rows = session.execute(
        select(ApiKey.id, ApiKey.user_id)
        .where(or_(ApiKey.checked_at.is_(None), ApiKey.checked_at < func.now() - age))
        .order_by(ApiKey.checked_at.asc().nulls_first(), ApiKey.id)
        .limit(limit)
    )
    return [KeyToCheck(*row) for row in rows]
