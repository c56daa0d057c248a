"""Exchange keys. The API writes ciphertexts and never reads them back; bot_runner alone does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, literal, or_, select, text, update

from tradebot.errors import NotFoundError
from tradebot.models import ApiKey, BotConfig, BotState
from tradebot.repositories.pages import Page, newest_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record
    from tradebot.security.credentials import SealedCredentials

#: What may be shown: no ciphertext.
_SHOWN = (
    ApiKey.id,
    ApiKey.label,
    ApiKey.environment,
    ApiKey.key_hint,
    ApiKey.is_valid,
    ApiKey.checked_at,
    ApiKey.check_error,
    ApiKey.check_warning,
    ApiKey.created_at,
    ApiKey.updated_at,
)


def take_id(session: Session) -> int:
    """Take the next id from the sequence: the ciphertexts name their row, so it has to be known before they are."""
    return int(session.scalar(text("SELECT nextval(pg_get_serial_sequence('api_keys', 'id'))")))


def insert_api_key(
    session: Session,
    user_id: int,
    *,
    api_key_id: int,
    label: str | None,
    environment: str,
    sealed: SealedCredentials,
) -> Record:
    """Insert, unchecked, and return what may be shown."""
    return session.execute(
        insert(ApiKey)
        .values(
            id=api_key_id,
            user_id=user_id,
            label=label,
            environment=environment,
            encrypted_api_key=sealed.encrypted_api_key,
            encrypted_secret_key=sealed.encrypted_secret_key,
            encrypted_data_key=sealed.encrypted_data_key,
            key_hint=sealed.key_hint,
            is_valid=False,
        )
        .returning(*_SHOWN)
    ).one()


def update_api_key(session: Session, user_id: int, api_key_id: int, values: Mapping[str, Any]) -> Record:
    """Change what `values` names and return what may be shown. Raises NotFoundError."""
    statement = (
        update(ApiKey).where(ApiKey.id == api_key_id, ApiKey.user_id == user_id).values(**values).returning(*_SHOWN)
    )
    return _found(session.execute(statement, execution_options={"synchronize_session": False}))


def replace_secret(session: Session, user_id: int, api_key_id: int, sealed: SealedCredentials) -> Record:
    """Put other credentials into the row, unchecked, and return what may be shown."""
    values = {
        "encrypted_api_key": sealed.encrypted_api_key,
        "encrypted_secret_key": sealed.encrypted_secret_key,
        "encrypted_data_key": sealed.encrypted_data_key,
        "key_hint": sealed.key_hint,
        "is_valid": False,
        "checked_at": None,
        "check_error": None,
        "check_warning": None,
    }
    return update_api_key(session, user_id, api_key_id, values)


def count_api_keys(session: Session, user_id: int) -> int:
    """Return how many keys the user has."""
    return session.scalar(select(func.count()).select_from(ApiKey).where(ApiKey.user_id == user_id)) or 0


def list_api_keys(session: Session, user_id: int, *, limit: int, cursor: str | None) -> Page:
    """Return a page of the user's keys, newest first."""
    query = select(*_SHOWN).where(ApiKey.user_id == user_id)
    return newest_first(session, query, ApiKey.created_at, ApiKey.id, limit=limit, cursor=cursor)


def get_api_key(session: Session, user_id: int, api_key_id: int) -> Record:
    """Return what may be shown of the user's key. Raises NotFoundError."""
    return _found(session.execute(select(*_SHOWN).where(ApiKey.id == api_key_id, ApiKey.user_id == user_id)))


def lock_api_key(session: Session, user_id: int, api_key_id: int) -> Record:
    """As `get_api_key`, holding the row until the transaction ends. Whoever locks bots too locks them first."""
    query = select(*_SHOWN).where(ApiKey.id == api_key_id, ApiKey.user_id == user_id).with_for_update()
    return _found(session.execute(query))


def lock_bots_of_key(session: Session, user_id: int, api_key_id: int) -> None:
    """Hold the bots that use the key, so that none starts while it goes."""
    session.execute(
        select(BotConfig.id)
        .where(BotConfig.api_key_id == api_key_id, BotConfig.user_id == user_id)
        .order_by(BotConfig.id)
        .with_for_update()
    )


def find_bot_that_needs_key(session: Session, user_id: int, api_key_id: int) -> Record | None:
    """Return id, name and is_active of a bot that is active or holds a position through this key."""
    return session.execute(
        select(BotConfig.id, BotConfig.name, BotConfig.is_active)
        .join(BotState, BotState.id == BotConfig.id)
        .where(
            BotConfig.api_key_id == api_key_id,
            BotConfig.user_id == user_id,
            or_(BotConfig.is_active, BotState.in_position, BotState.lease_expires_at > func.now()),
        )
        .order_by(BotConfig.id)
        .limit(1)
    ).one_or_none()


def find_running_bot_of_key(session: Session, user_id: int, api_key_id: int) -> Record | None:
    """Return id and name of a bot that is active with this key, or of which a tick still runs."""
    return session.execute(
        select(BotConfig.id, BotConfig.name)
        .join(BotState, BotState.id == BotConfig.id)
        .where(
            BotConfig.api_key_id == api_key_id,
            BotConfig.user_id == user_id,
            or_(BotConfig.is_active, BotState.lease_expires_at > func.now()),
        )
        .order_by(BotConfig.id)
        .limit(1)
    ).one_or_none()


def delete_api_key(session: Session, user_id: int, api_key_id: int) -> None:
    """Delete the key; bots that named it trade on paper from then on."""
    session.execute(delete(ApiKey).where(ApiKey.id == api_key_id, ApiKey.user_id == user_id))


def api_key_exists(session: Session, user_id: int, api_key_id: int) -> bool:
    """Tell whether the user has this key."""
    query = select(literal(1)).where(ApiKey.id == api_key_id, ApiKey.user_id == user_id)
    return session.scalar(query) is not None


def _found(result: Any) -> Record:
    row: Record | None = result.one_or_none()
    if row is None:
        raise NotFoundError("There is no such API key.")
    return row
