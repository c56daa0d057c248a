"""Executed orders, for their owners' eyes: pages, and the sums that a report is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Date, Numeric, and_, case, cast, desc, func, literal, literal_column, select

from tradebot.models import Order, Trade
from tradebot.repositories.filters import where_equal, within
from tradebot.repositories.pages import Page, newest_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from tradebot.domain.span import Span
    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Record

_SHOWN = tuple(column for column in Trade.__table__.columns if column.name not in {"user_id", "order_id"})

# The pair without the expiry of a delivery contract (BTCUSDT_230630): base asset in front, quote asset behind.
_PAIR = func.split_part(Trade.symbol, "_", 1)
_ASSET = Trade.commission_asset
_IS_QUOTE = func.right(_PAIR, func.length(_ASSET)) == _ASSET
_IS_BASE = func.left(_PAIR, func.length(_ASSET)) == _ASSET
_EIGHT_DECIMALS: ColumnElement[Decimal] = literal_column("1e8::numeric")
#: A commission in quote or base has a value in quote, rounded to eight decimals against us as the bot's own books have
#: it; one in another asset (BNB) is told in that asset.
_FEE_IN_QUOTE: ColumnElement[Decimal] = case(
    (_IS_QUOTE, Trade.commission_amount),
    (_IS_BASE, func.ceil(Trade.commission_amount * Trade.price * _EIGHT_DECIMALS) / _EIGHT_DECIMALS),
    else_=literal(0, Numeric),
)
_IS_OTHER_ASSET = and_(_ASSET.is_not(None), ~_IS_QUOTE, ~_IS_BASE, Trade.commission_amount != 0)
_ZERO = literal(0, Numeric)


def list_trades(
    session: Session,
    user_id: int,
    *,
    bot_config_id: int | None,
    filters: Filters,
    traded: Span,
    limit: int,
    cursor: str | None,
) -> Page:
    """Return a page of the user's trades, of one bot or of all, newest first."""
    query = select(*_SHOWN).where(Trade.user_id == user_id)
    query = where_equal(query, Trade, {"bot_config_id": bot_config_id, **filters})
    query = within(query, Trade.timestamp, traded)
    return newest_first(session, query, Trade.timestamp, Trade.id, limit=limit, cursor=cursor)


def trades_within(
    session: Session, user_id: int, bot_config_id: int, begin_at: datetime, end_at: datetime, *, limit: int
) -> Sequence[Record]:
    """Return a bot's trades of [begin, end), oldest first, each with what was ordered."""
    query = (
        select(*_SHOWN, Order.quantity.label("ordered_quantity"))
        .outerjoin(Order, and_(Order.id == Trade.order_id, Order.user_id == Trade.user_id))
        .where(
            Trade.bot_config_id == bot_config_id,
            Trade.user_id == user_id,
            Trade.timestamp >= begin_at,
            Trade.timestamp < end_at,
        )
        .order_by(Trade.timestamp, Trade.id)
        .limit(limit)
    )
    return session.execute(query).all()


def sum_trades(session: Session, user_id: int, bot_config_id: int, *, initial_capital: Decimal | None) -> Record:
    """Return counts, profits, fees in quote and the drawdown of realised equity, over all the bot's trades.

    The realised equity begins at the initial capital, which is its first peak. Its relative drawdown needs that
    capital and is null without it.
    """
    order = (Trade.timestamp, Trade.id)
    running = func.sum(func.coalesce(Trade.realized_pnl, _ZERO)).over(order_by=order, rows=(None, 0))
    curve = (
        select(Trade.realized_pnl, _FEE_IN_QUOTE.label("fee"), Trade.timestamp, Trade.id, running.label("gain"))
        .where(Trade.bot_config_id == bot_config_id, Trade.user_id == user_id)
        .cte("curve")
    )
    peak = func.greatest(func.max(curve.c.gain).over(order_by=(curve.c.timestamp, curve.c.id), rows=(None, 0)), _ZERO)
    peaks = select(curve, peak.label("peak")).cte("peaks")
    pnl, drop = peaks.c.realized_pnl, peaks.c.peak - peaks.c.gain
    relative = drop / func.nullif(cast(initial_capital, Numeric) + peaks.c.peak, 0)
    return session.execute(
        select(
            func.count().label("trades"),
            func.count(pnl).label("round_trips"),
            func.count().filter(pnl > 0).label("wins"),
            func.count().filter(pnl < 0).label("losses"),
            func.coalesce(func.sum(pnl), _ZERO).label("realized_pnl"),
            func.coalesce(func.sum(pnl).filter(pnl > 0), _ZERO).label("gross_profit"),
            func.coalesce(func.sum(pnl).filter(pnl < 0), _ZERO).label("gross_loss"),
            func.max(pnl).label("best_trade"),
            func.min(pnl).label("worst_trade"),
            func.coalesce(func.sum(peaks.c.fee), _ZERO).label("fees"),
            func.coalesce(func.max(drop), _ZERO).label("max_drawdown"),
            func.max(relative).label("max_drawdown_ratio"),
            func.min(peaks.c.timestamp).label("first_trade_at"),
            func.max(peaks.c.timestamp).label("last_trade_at"),
        )
    ).one()


def sum_fees_in_other_assets(session: Session, user_id: int, bot_config_id: int) -> Sequence[Record]:
    """Return (asset, amount) of commissions that were paid in neither the base nor the quote asset."""
    return session.execute(
        select(_ASSET.label("asset"), func.sum(Trade.commission_amount).label("amount"))
        .where(Trade.bot_config_id == bot_config_id, Trade.user_id == user_id, _IS_OTHER_ASSET)
        .group_by(_ASSET)
        .order_by(_ASSET)
    ).all()


def sum_trades_by_day(session: Session, user_id: int, bot_config_id: int, *, days: int) -> Sequence[Record]:
    """Return the last `days` UTC days that saw a trade, newest first."""
    # A literal, not a parameter: the server has to see that SELECT and GROUP BY mean the same expression.
    day = cast(func.timezone(literal_column("'UTC'"), Trade.timestamp), Date).label("day")
    pnl = Trade.realized_pnl
    return session.execute(
        select(
            day,
            func.count().label("trades"),
            func.count(pnl).label("round_trips"),
            func.count().filter(pnl > 0).label("wins"),
            func.coalesce(func.sum(pnl), _ZERO).label("realized_pnl"),
            func.sum(_FEE_IN_QUOTE).label("fees"),
        )
        .where(Trade.bot_config_id == bot_config_id, Trade.user_id == user_id)
        .group_by(day)
        .order_by(desc(day))
        .limit(days)
    ).all()
