"""Kill switches: setting them, and the conditions under which the statement that records an entry lets it through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, exists, func, literal, select, update

from tradebot.models import BotState, PlatformSwitch, User

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record

_PLATFORM_ROW = 1


def no_switch_is_on(user_id: int) -> list[ColumnElement[bool]]:
    """Return the conditions of an entry, for a statement that updates the bot's `bot_states`.

    The bot's own switch stands in the row that the statement locks by updating it. The other two rows are locked for
    sharing: a switch that is being set at this moment is waited for and obeyed, and one that comes later waits until
    the intent is committed. So none that was set before the commit is missed.
    """
    user = (
        select(User.id)
        .where(User.id == user_id, User.is_active, User.kill_switch_at.is_(None))
        .with_for_update(read=True)
        .cte("user_may_enter")
    )
    platform = (
        select(PlatformSwitch.id)
        .where(PlatformSwitch.id == _PLATFORM_ROW, PlatformSwitch.kill_switch_at.is_(None))
        .with_for_update(read=True)
        .cte("anybody_may_enter")
    )
    return [
        BotState.kill_switch_at.is_(None),
        exists(select(literal(1)).select_from(user)),
        exists(select(literal(1)).select_from(platform)),
    ]


def switch_bot(session: Session, user_id: int, bot_config_id: int, *, by: str | None, reason: str | None) -> None:
    """Set the bot's switch, or take it back where `by` is None."""
    session.execute(
        update(BotState)
        .where(BotState.id == bot_config_id, BotState.user_id == user_id)
        .values(**_values(BotState, by, reason)),
        execution_options={"synchronize_session": False},
    )


def switch_user(session: Session, user_id: int, *, by: str | None, reason: str | None) -> None:
    """Set the switch of all the user's bots, or take it back where `by` is None."""
    session.execute(
        update(User).where(User.id == user_id).values(**_values(User, by, reason)),
        execution_options={"synchronize_session": False},
    )


def switch_platform(session: Session, *, by: str | None, reason: str | None) -> Record:
    """Set the switch of everything, or take it back where `by` is None; return the three columns."""
    statement = (
        update(PlatformSwitch)
        .where(PlatformSwitch.id == _PLATFORM_ROW)
        .values(**_values(PlatformSwitch, by, reason))
        .returning(PlatformSwitch.kill_switch_at, PlatformSwitch.kill_switch_by, PlatformSwitch.kill_switch_reason)
    )
    return session.execute(statement, execution_options={"synchronize_session": False}).one()


def get_user_switch(session: Session, user_id: int) -> Record:
    """Return at, by and reason of the user's switch; all null while it is off."""
    return session.execute(
        select(
            User.kill_switch_at.label("at"),
            User.kill_switch_by.label("by"),
            User.kill_switch_reason.label("reason"),
        ).where(User.id == user_id)
    ).one()


def _values(
    model: type[BotState | User | PlatformSwitch], by: str | None, reason: str | None
) -> dict[str, ColumnElement[Any] | str | None]:
    if by is None:
        return {"kill_switch_at": None, "kill_switch_by": None, "kill_switch_reason": None}
    # Set again, it stays on since when it was; the reason is the newest.
    return {
        "kill_switch_at": func.coalesce(model.kill_switch_at, func.now()),
        "kill_switch_by": by,
        "kill_switch_reason": reason,
    }
