"""How users want to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.models import NotificationSetting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

_UNSYNCHRONISED = {"synchronize_session": False}


def find_settings(session: Session, user_id: int) -> Record | None:
    """Return the user's choices; None where there are none."""
    query = select(NotificationSetting.__table__).where(NotificationSetting.user_id == user_id)
    return session.execute(query).one_or_none()


def lock_settings(session: Session, user_id: int) -> Record:
    """Return the user's choices, made where there were none, held until the transaction ends."""
    session.execute(upsert(NotificationSetting).values(user_id=user_id).on_conflict_do_nothing())
    query = select(NotificationSetting.__table__).where(NotificationSetting.user_id == user_id).with_for_update()
    return session.execute(query).one()


def change_settings(session: Session, user_id: int, values: Mapping[str, Any]) -> Record:
    """Change what `values` names and return all; `lock_settings` has made the row."""
    return session.execute(
        update(NotificationSetting)
        .where(NotificationSetting.user_id == user_id)
        .values(**values)
        .returning(*NotificationSetting.__table__.c),
        execution_options=_UNSYNCHRONISED,
    ).one()


def webhook_values(*, url: str | None, salt: str | None) -> dict[str, Any]:
    """Return the columns of a new webhook, or of none."""
    return {
        "webhook_url": url,
        "webhook_salt": salt,
        "webhook_set_at": None if url is None else func.now(),
        "webhook_delivered_at": None,
        "webhook_failed_at": None,
        "webhook_error": None,
    }


def note_delivery(session: Session, user_id: int, *, salt: str, error: str | None) -> None:
    """Note how the webhook did, unless it is another one by now."""
    values: dict[str, Any] = (
        {"webhook_delivered_at": func.now(), "webhook_error": None}
        if error is None
        else {"webhook_failed_at": func.now(), "webhook_error": error}
    )
    session.execute(
        update(NotificationSetting)
        .where(NotificationSetting.user_id == user_id, NotificationSetting.webhook_salt == salt)
        .values(**values),
        execution_options=_UNSYNCHRONISED,
    )
