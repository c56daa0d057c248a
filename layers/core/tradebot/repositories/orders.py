"""Orders as ticks write them: an intent before anything is sent, then what became of it, its fills and its trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Interval, cast, exists, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.models import LIVE_STATUSES, BotState, Fill, Leg, Order, OrderStatus, Trade
from tradebot.repositories.kill_switches import no_switch_is_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from sqlalchemy.orm import Session

    from tradebot.models import MarketType, OrderType, Side, TradeReason
    from tradebot.repositories.leases import Claim

#: What must be left of the lease when an order is about to leave: the order's own timeout and some to record it.
LEASE_LEFT_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that is about to be sent."""

    decision_key: str
    leg: Leg
    attempt: int
    client_order_id: str
    symbol: str
    market_type: MarketType
    side: Side
    type: OrderType
    reason: TradeReason
    quantity: Decimal
    reduce_only: bool
    signed_at_ms: int


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order that may still execute, or may have."""

    id: int
    decision_key: str
    leg: Leg
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    reason: TradeReason
    status: OrderStatus
    signed_at_ms: int


@dataclass(frozen=True, slots=True)
class Attempts:
    """What has been tried for one decision so far."""

    count: int
    executed_quantity: Decimal


def find_live_orders(session: Session, user_id: int, bot_config_id: int) -> list[LiveOrder]:
    """Return the bot's orders that may still execute, or may have, oldest first."""
    rows = session.execute(
        select(
            Order.id,
            Order.decision_key,
            Order.leg,
            Order.client_order_id,
            Order.symbol,
            Order.side,
            Order.type,
            Order.reason,
            Order.status,
            Order.signed_at_ms,
        )
        .where(Order.bot_config_id == bot_config_id, Order.user_id == user_id, text(LIVE_STATUSES))
        .order_by(Order.id)
    )
    return [LiveOrder(**row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's public name for it


def count_attempts(session: Session, claim: Claim, decision_key: str, leg: Leg) -> Attempts:
    """Return how often the decision has been sent, and what was executed of it."""
    row = session.execute(
        select(func.count(), func.coalesce(func.sum(Order.executed_qty), 0)).where(
            Order.bot_config_id == claim.bot_config_id,
            Order.user_id == claim.user_id,
            Order.decision_key == decision_key,
            Order.leg == leg,
        )
    ).one()
    return Attempts(*row)


def insert_intent(session: Session, claim: Claim, intent: Intent, values: Mapping[str, Any]) -> int | None:
    """Store `values` (the bot's memory) and the intent in one statement; return the order's id.

    None, and nothing written, where the lease is no longer ours with time to spare or the decision has a live order
    already; an entry also where the user stopped the bot meanwhile or a kill switch is on. What protects a position or
    leaves it needs the lease alone: it must not stay behind because somebody wants the trading to end.
    """
    may_enter = [BotState.version == claim.version, *no_switch_is_on(claim.user_id)]
    held = (
        update(BotState)
        .where(
            BotState.id == claim.bot_config_id,
            BotState.user_id == claim.user_id,
            BotState.lease_token == claim.token,
            BotState.lease_expires_at > func.now() + cast(literal(f"{LEASE_LEFT_SECONDS} seconds"), Interval),
            *(may_enter if intent.leg is Leg.ENTRY else ()),
        )
        .values(**values)
        .returning(BotState.id, BotState.user_id, BotState.lease_token)
        .cte("held")
    )
    columns = {
        name: literal(getattr(intent, name), Order.__table__.c[name].type) for name in Intent.__dataclass_fields__
    }
    row = select(held.c.id, held.c.user_id, held.c.lease_token, *columns.values())
    statement = (
        upsert(Order)
        .from_select(["bot_config_id", "user_id", "lease_token", *columns], row)
        .on_conflict_do_nothing(
            index_elements=[Order.bot_config_id, Order.decision_key, Order.leg], index_where=text(LIVE_STATUSES)
        )
        .returning(Order.id)
    )
    return session.execute(statement, execution_options={"synchronize_session": False}).scalar_one_or_none()


def settle_order(
    session: Session,
    claim: Claim,
    order_id: int,
    *,
    status: OrderStatus,
    venue_order_id: str | None = None,
    executed_qty: Decimal | None = None,
    avg_price: Decimal | None = None,
    last_error: str | None = None,
) -> None:
    """Store what is known of an order. Terminal ones never move: an order that somebody settled already stays."""
    known = {"venue_order_id": venue_order_id, "executed_qty": executed_qty, "avg_price": avg_price}
    session.execute(
        update(Order)
        .where(Order.id == order_id, Order.user_id == claim.user_id, text(LIVE_STATUSES))
        .values(
            status=status,
            last_error=last_error,
            **{name: value for name, value in known.items() if value is not None},
        ),
        execution_options={"synchronize_session": False},
    )


def insert_fills(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert executions; one that is known by its trade id stays as it is."""
    session.execute(
        upsert(Fill)
        .values(list(rows))
        .on_conflict_do_nothing(index_elements=[Fill.venue, Fill.account, Fill.symbol, Fill.trade_id])
    )


def insert_trade(session: Session, row: Mapping[str, Any]) -> None:
    """Insert the trade of an executed order."""
    session.execute(insert(Trade).values(**row))


def has_entered_since_start(session: Session, claim: Claim) -> bool:
    """Tell whether an entry was executed since the bot was started: leverage and margin type are set then."""
    started_at = select(BotState.started_at).where(BotState.id == claim.bot_config_id).scalar_subquery()
    entered = exists().where(
        Order.bot_config_id == claim.bot_config_id,
        Order.user_id == claim.user_id,
        Order.leg == Leg.ENTRY,
        Order.executed_qty > 0,
        Order.created_at >= started_at,
    )
    return bool(session.scalar(select(entered)))
