"""Orders as ticks write them: an intent before anything is sent, then what became of it, its fills and its trade."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Interval, cast, func, insert, literal, select, text, tuple_, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.domain.money import ZERO, display_price, exact, ratio
from tradebot.models import LIVE_STATUSES, BotState, Fill, Leg, Order, OrderStatus, Trade
from tradebot.repositories.kill_switches import no_switch_is_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from decimal import Decimal

    from sqlalchemy import ColumnElement
    from sqlalchemy.dialects.postgresql import Insert
    from sqlalchemy.orm import Session

    from tradebot.domain.order import Execution
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
    price: Decimal | None = None
    stop_price: Decimal | None = None
    #: Of an order list, the same for both of its legs.
    list_client_order_id: str | None = None


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """An order that may still execute, or may have."""

    id: int
    decision_key: str
    leg: Leg
    client_order_id: str
    list_client_order_id: str | None
    symbol: str
    side: Side
    type: OrderType
    reason: TradeReason
    quantity: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    reduce_only: bool
    status: OrderStatus
    signed_at_ms: int
    attempt: int = 1
    venue_order_id: str | None = None
    #: What its recorded fills add up to.
    executed_qty: Decimal = ZERO
    avg_price: Decimal | None = None

    @property
    def left(self) -> Decimal:
        """What of it may still execute."""
        return self.quantity - self.executed_qty

    def executed(self, execution: Execution) -> LiveOrder:
        """Return the order after one more part of it was executed; the average price is for reading."""
        if not self.executed_qty:
            return replace(self, executed_qty=execution.quantity, avg_price=execution.average_price)
        with exact():
            quantity = self.executed_qty + execution.quantity
            quote = self.executed_qty * (self.avg_price or ZERO) + execution.quote_quantity
        return replace(self, executed_qty=quantity, avg_price=display_price(ratio(quote, quantity)))

    @staticmethod
    def of(order_id: int, intent: Intent) -> LiveOrder:
        """Return the order of an intent that has just been recorded."""
        shared = LiveOrder.__dataclass_fields__.keys() & Intent.__dataclass_fields__.keys()
        return LiveOrder(id=order_id, status=OrderStatus.SENDING, **{name: getattr(intent, name) for name in shared})


@dataclass(frozen=True, slots=True)
class Attempts:
    """What has been tried for one decision so far."""

    count: int
    executed_quantity: Decimal
    refused: int


_LIVE_COLUMNS = tuple(getattr(Order, name) for name in LiveOrder.__dataclass_fields__)


def find_live_orders(session: Session, user_id: int, bot_config_id: int) -> list[LiveOrder]:
    """Return the bot's orders that may still execute, or may have, oldest first."""
    rows = session.execute(
        select(*_LIVE_COLUMNS)
        .where(Order.bot_config_id == bot_config_id, Order.user_id == user_id, text(LIVE_STATUSES))
        .order_by(Order.id)
    )
    return [LiveOrder(**row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's public name for it


def find_trade_ids(session: Session, user_id: int, order_id: int) -> set[str]:
    """Return the ids of the fills that are recorded of an order."""
    return set(session.scalars(select(Fill.trade_id).where(Fill.order_id == order_id, Fill.user_id == user_id)))


def find_known_client_ids(session: Session, user_id: int, client_ids: AbstractSet[str]) -> set[str]:
    """Return those of the ids that any bot of the user has given to an order."""
    return set(
        session.scalars(
            select(Order.client_order_id).where(Order.user_id == user_id, Order.client_order_id.in_(client_ids))
        )
    )


def find_decisions_of(session: Session, claim: Claim, venue_order_ids: AbstractSet[str]) -> dict[str | None, str]:
    """Return those of the exchange's order ids that the bot has on record, each with its decision's key."""
    rows = session.execute(
        select(Order.venue_order_id, Order.decision_key).where(
            Order.bot_config_id == claim.bot_config_id,
            Order.user_id == claim.user_id,
            Order.venue_order_id.in_(venue_order_ids),
        )
    )
    return {row.venue_order_id: row.decision_key for row in rows}


def insert_adopted(session: Session, claim: Claim, order: LiveOrder, market_type: MarketType) -> LiveOrder:
    """Insert an order that the exchange made by itself; return it with its id."""
    columns = {name: getattr(order, name) for name in LiveOrder.__dataclass_fields__ if name != "id"}
    row_id = session.scalars(
        insert(Order)
        .values(
            **columns,
            bot_config_id=claim.bot_config_id,
            user_id=claim.user_id,
            market_type=market_type,
            lease_token=claim.token,
        )
        .returning(Order.id)
    ).one()
    return replace(order, id=row_id)


def find_attempts(session: Session, claim: Claim, *decisions: tuple[str, Leg]) -> list[Attempts]:
    """Return of each decision and leg how often it has been sent, what was executed of it, how often it was refused."""
    rows = session.execute(
        select(
            Order.decision_key,
            Order.leg,
            func.count(),
            func.sum(Order.executed_qty),
            func.count().filter(Order.status == OrderStatus.REJECTED),
        )
        .where(
            Order.bot_config_id == claim.bot_config_id,
            Order.user_id == claim.user_id,
            tuple_(Order.decision_key, Order.leg).in_(decisions),
        )
        .group_by(Order.decision_key, Order.leg)
    )
    found = {(key, leg): Attempts(count, executed, refused) for key, leg, count, executed, refused in rows}
    return [found.get(decision, Attempts(0, ZERO, 0)) for decision in decisions]


def insert_intents(
    session: Session, claim: Claim, intents: Sequence[Intent], values: Mapping[str, Any], *, protects: bool = False
) -> list[int] | None:
    """Store `values` (the bot's memory) and the intents of one request in one statement; return the orders' ids.

    None, and nothing that may be committed, where the lease is no longer ours with time to spare, where the user
    stopped the bot meanwhile, or where the decision has a live order already; an entry also where a kill switch is on.
    What `protects` a position that is open is sent for a stopped bot too, and no switch keeps it or an exit back.
    """
    enters = any(intent.leg is Leg.ENTRY for intent in intents)
    may_enter = no_switch_is_on(claim.user_id) if enters else []
    held = (
        update(BotState)
        .where(*_is_held(claim), *(() if protects else (BotState.version == claim.version,)), *may_enter)
        .values(**values)
        .returning(BotState.id, BotState.user_id, BotState.lease_token)
        .cte("held")
    )
    names = list(Intent.__dataclass_fields__)
    rows = [
        select(
            held.c.id,
            held.c.user_id,
            held.c.lease_token,
            *(cast(literal(getattr(intent, name), (type_ := Order.__table__.c[name].type)), type_) for name in names),
        )
        for intent in intents
    ]
    statement = (
        upsert(Order)
        .from_select(
            ["bot_config_id", "user_id", "lease_token", *names], rows[0] if len(rows) == 1 else union_all(*rows)
        )
        .on_conflict_do_nothing(
            index_elements=[Order.bot_config_id, Order.decision_key, Order.leg], index_where=text(LIVE_STATUSES)
        )
        .returning(Order.id, Order.client_order_id)
    )
    found = session.execute(statement, execution_options={"synchronize_session": False}).all()
    ids = {name: order_id for order_id, name in found}
    if len(ids) < len(intents):
        return None
    return [ids[intent.client_order_id] for intent in intents]


def is_lease_held(session: Session, claim: Claim) -> bool:
    """Tell whether the lease is still ours with time to spare: asked before anything at the exchange is taken back."""
    return session.scalar(select(BotState.id).where(*_is_held(claim))) is not None


def _is_held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        BotState.id == claim.bot_config_id,
        BotState.user_id == claim.user_id,
        BotState.lease_token == claim.token,
        BotState.lease_expires_at > func.now() + cast(literal(f"{LEASE_LEFT_SECONDS} seconds"), Interval),
    )


def settle_order(
    session: Session,
    claim: Claim,
    order_id: int,
    values: Mapping[str, Any],
    *,
    fills: Sequence[Mapping[str, Any]] = (),
    trade: Mapping[str, Any] | None = None,
) -> None:
    """Store what is known of an order, and with it the fills and the trade of what has executed, in one statement.

    Terminal orders never move: one that somebody settled already stays. A fill that is known by its trade id stays as
    it is.
    """
    settled = (
        update(Order).where(Order.id == order_id, Order.user_id == claim.user_id, text(LIVE_STATUSES)).values(**values)
    )
    if trade is None:
        session.execute(settled, execution_options={"synchronize_session": False})
        return
    filled = (
        upsert(Fill)
        .values(list(fills))
        .on_conflict_do_nothing(index_elements=[Fill.venue, Fill.account, Fill.symbol, Fill.trade_id])
    )
    session.execute(_trade(trade).add_cte(settled.cte("settled"), filled.cte("filled")))


def _trade(row: Mapping[str, Any]) -> Insert:
    """Insert the trade of an executed order; where an earlier part of it is there already, add this one to it."""
    insertion = upsert(Trade).values(**row)
    new, old = insertion.excluded, Trade
    quantity = old.quantity_filled + new.quantity_filled
    quote = old.quote_quantity_filled + new.quote_quantity_filled
    return insertion.on_conflict_do_update(
        index_elements=[Trade.binance_order_id],
        set_={
            "quantity_filled": quantity,
            "quote_quantity_filled": quote,
            # Cut to the column's decimals, as the first part's average was.
            "price": func.trunc(quote / quantity, 12),
            "commission_amount": old.commission_amount + new.commission_amount,
            "pnl": new.pnl,
            "realized_pnl": old.realized_pnl + new.realized_pnl,
            "timestamp": new.timestamp,
        },
    )
