"""Bots as their users configured them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, literal, select, text, update

from tradebot.errors import NotFoundError
from tradebot.models import LIVE_STATUSES, BotConfig, BotState, MarketType, Order
from tradebot.repositories.filters import where_equal
from tradebot.repositories.pages import Page, newest_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Record

#: Every column but the owner's id, which the asker knows.
_SHOWN = tuple(column for column in BotConfig.__table__.columns if column.name != "user_id")


def insert_bot_config(session: Session, user_id: int, values: Mapping[str, Any]) -> Record:
    """Insert, stopped, and return the row."""
    statement = insert(BotConfig).values(**values, user_id=user_id).returning(*_SHOWN)
    return session.execute(statement).one()


def count_bot_configs(session: Session, user_id: int) -> int:
    """Return how many bots the user has."""
    return session.scalar(select(func.count()).select_from(BotConfig).where(BotConfig.user_id == user_id)) or 0


def list_bot_configs(session: Session, user_id: int, *, filters: Filters, limit: int, cursor: str | None) -> Page:
    """Return a page of the user's bots, newest first. `filters`: columns of bot_configs."""
    query = where_equal(select(*_SHOWN).where(BotConfig.user_id == user_id), BotConfig, filters)
    return newest_first(session, query, BotConfig.created_at, BotConfig.id, limit=limit, cursor=cursor)


def get_bot_config(session: Session, user_id: int, bot_config_id: int) -> Record:
    """Return the user's bot. Raises NotFoundError."""
    return _found(session.execute(select(*_SHOWN).where(BotConfig.id == bot_config_id, BotConfig.user_id == user_id)))


def require_bot_config(session: Session, user_id: int, bot_config_id: int) -> None:
    """Raise NotFoundError unless the user has this bot."""
    query = select(literal(1)).where(BotConfig.id == bot_config_id, BotConfig.user_id == user_id)
    if session.scalar(query) is None:
        raise _not_found()


def lock_bot_config(session: Session, user_id: int, bot_config_id: int) -> Record:
    """As `get_bot_config`, holding the row until the transaction ends."""
    query = select(*_SHOWN).where(BotConfig.id == bot_config_id, BotConfig.user_id == user_id).with_for_update()
    return _found(session.execute(query))


def update_bot_config(session: Session, user_id: int, bot_config_id: int, values: Mapping[str, Any]) -> Record:
    """Change what `values` names and return the row."""
    statement = (
        update(BotConfig)
        .where(BotConfig.id == bot_config_id, BotConfig.user_id == user_id)
        .values(**values)
        .returning(*_SHOWN)
    )
    return _found(session.execute(statement, execution_options={"synchronize_session": False}))


def lock_bot_configs(session: Session, user_id: int) -> Sequence[int]:
    """Return the ids of all the user's bots, holding their rows: none is started before the transaction ends."""
    query = select(BotConfig.id).where(BotConfig.user_id == user_id).order_by(BotConfig.id).with_for_update()
    return session.scalars(query).all()


def deactivate_bot_configs(session: Session, user_id: int) -> None:
    """Make all the user's bots inactive."""
    session.execute(
        update(BotConfig).where(BotConfig.user_id == user_id, BotConfig.is_active).values(is_active=False),
        execution_options={"synchronize_session": False},
    )


def delete_bot_config(session: Session, user_id: int, bot_config_id: int) -> None:
    """Delete the bot with its state, orders and trades."""
    session.execute(delete(BotConfig).where(BotConfig.id == bot_config_id, BotConfig.user_id == user_id))


def find_active_futures_bot(
    session: Session, user_id: int, *, api_key_id: int, symbol: str, except_id: int
) -> Record | None:
    """Return id and name of another active futures bot on this key and symbol: the two would net into one position."""
    return session.execute(
        select(BotConfig.id, BotConfig.name)
        .where(
            BotConfig.user_id == user_id,
            BotConfig.api_key_id == api_key_id,
            BotConfig.symbol == symbol,
            BotConfig.position_type == MarketType.FUTURES,
            BotConfig.is_active,
            BotConfig.id != except_id,
        )
        .limit(1)
    ).one_or_none()


def lock_engaged_bots(session: Session, user_id: int) -> Sequence[Record]:
    """Return id, name and is_ticking of bots that are active, hold a position, tick, or have an order that may execute.

    All of the user's bots are held until the transaction ends, so that none starts meanwhile.
    """
    is_ticking = func.coalesce(BotState.lease_expires_at > func.now(), False)
    is_owed = (
        select(literal(1)).where(Order.bot_config_id == BotConfig.id, Order.user_id == user_id, text(LIVE_STATUSES))
    ).exists()
    is_engaged = BotConfig.is_active | BotState.in_position | is_ticking | is_owed
    rows = session.execute(
        select(BotConfig.id, BotConfig.name, is_ticking.label("is_ticking"), is_engaged.label("is_engaged"))
        .join(BotState, BotState.id == BotConfig.id)
        .where(BotConfig.user_id == user_id)
        .order_by(BotConfig.id)
        .with_for_update()
    )
    return [row for row in rows if row.is_engaged]


def has_unsettled_orders(session: Session, user_id: int, bot_config_id: int) -> bool:
    """Tell whether an order of the bot may still execute, or may have without our knowing."""
    query = (
        select(literal(1))
        .where(Order.bot_config_id == bot_config_id, Order.user_id == user_id, text(LIVE_STATUSES))
        .limit(1)
    )
    return session.scalar(query) is not None


def _found(result: Any) -> Record:
    row: Record | None = result.one_or_none()
    if row is None:
        raise _not_found()
    return row


def _not_found() -> NotFoundError:
    return NotFoundError("There is no such bot.")
