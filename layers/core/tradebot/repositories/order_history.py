"""A bot's orders for its owner: every intent, what became of it, and what its fills add up to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from tradebot.domain.order import Leg, OrderStatus
from tradebot.models import Fill, Finding, FindingKind, Order
from tradebot.repositories.filters import where_equal, within
from tradebot.repositories.pages import last_recorded_first

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from tradebot.domain.span import Span
    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Page, Record

_HIDDEN = frozenset({"user_id", "lease_token"})
_SHOWN = tuple(column for column in Order.__table__.columns if column.name not in _HIDDEN)


def list_orders(
    session: Session,
    user_id: int,
    bot_config_id: int,
    *,
    filters: Filters,
    recorded: Span,
    limit: int,
    cursor: str | None,
) -> Page:
    """Return a page of the bot's orders, the last recorded first. `filters`: status, leg, side, symbol."""
    query = select(*_SHOWN).where(Order.user_id == user_id, Order.bot_config_id == bot_config_id)
    query = within(where_equal(query, Order, filters), Order.created_at, recorded)
    return last_recorded_first(session, query, Order.created_at, Order.id, limit=limit, cursor=cursor)


def list_unfilled_entries(session: Session, user_id: int, bot_config_id: int, *, limit: int) -> Sequence[Record]:
    """Return the bot's newest entries that came to nothing: `decision_key`, `status`, `last_error`."""
    query = (
        select(Order.decision_key, Order.status, Order.last_error)
        .where(
            Order.user_id == user_id,
            Order.bot_config_id == bot_config_id,
            Order.leg == Leg.ENTRY,
            Order.executed_qty == 0,
            Order.status.in_(status for status in OrderStatus if status.is_terminal),
        )
        .order_by(Order.id.desc())
        .limit(limit)
    )
    return session.execute(query).all()


def list_blocking_findings(
    session: Session, user_id: int, bot_config_id: int, before_at: datetime, *, limit: int
) -> Sequence[Record]:
    """Return what kept the bot from entering: `text`, `first_seen_at`, `resolved_at`; the newest first."""
    query = (
        select(Finding.text, Finding.first_seen_at, Finding.resolved_at)
        .where(
            Finding.user_id == user_id,
            Finding.bot_config_id == bot_config_id,
            Finding.kind.in_(kind for kind in FindingKind if kind.blocks_entries),
            Finding.first_seen_at < before_at,
        )
        .order_by(Finding.id.desc())
        .limit(limit)
    )
    return session.execute(query).all()


def list_findings(
    session: Session, user_id: int, bot_config_id: int, *, is_open: bool, limit: int, cursor: str | None
) -> Page:
    """Return a page of what reconciliations found, the last seen for the first time first."""
    query = select(
        Finding.id, Finding.kind, Finding.text, Finding.first_seen_at, Finding.last_seen_at, Finding.resolved_at
    ).where(Finding.user_id == user_id, Finding.bot_config_id == bot_config_id)
    if is_open:
        query = query.where(Finding.resolved_at.is_(None))
    return last_recorded_first(session, query, Finding.first_seen_at, Finding.id, limit=limit, cursor=cursor)


def sum_fills(session: Session, user_id: int, order_ids: Collection[int]) -> Sequence[Record]:
    """Return per order and commission's asset: how many fills, what they add up to, first and last time."""
    return session.execute(
        select(
            Fill.order_id,
            Fill.commission_asset,
            func.count().label("count"),
            func.sum(Fill.quantity).label("quantity"),
            func.sum(Fill.quote_quantity).label("quote_quantity"),
            func.sum(Fill.commission).label("commission"),
            func.min(Fill.executed_at).label("first_at"),
            func.max(Fill.executed_at).label("last_at"),
        )
        .where(Fill.user_id == user_id, Fill.order_id.in_(order_ids))
        .group_by(Fill.order_id, Fill.commission_asset)
        .order_by(Fill.order_id, Fill.commission_asset)
    ).all()
