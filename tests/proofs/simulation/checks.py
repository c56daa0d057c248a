"""The database held against the exchange: the same orders, executions, position and money, and nothing done twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from infra.local.exchange.instruments import MarketKind
from tests.proofs.simulation.market import API_KEY, OWN_COINS, QUOTE
from tradebot.engine.memory import BotMemory
from tradebot.models import BotState, Fill, Order, Trade, TradeReason
from tradebot.repositories.session import session_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine, Row

    from infra.local.exchange.exchange import Exchange
    from infra.local.exchange.records import Execution

SYMBOL = "BTCUSDT"
_LIVE = {"NEW", "PARTIALLY_FILLED"}
#: The exchange and the books round a futures wallet to 8 decimals at other places.
_ROUNDING = Decimal("0.00001")


@dataclass(frozen=True, slots=True)
class Books:
    """What the database says of one bot."""

    state: Any
    orders: Sequence[Row[Any]]
    fills: Sequence[Row[Any]]
    trades: Sequence[Row[Any]]

    @property
    def memory(self) -> BotMemory | None:
        stored = self.state.strategy_state
        return None if stored is None else BotMemory.from_json(stored)

    @property
    def held(self) -> Decimal:
        memory = self.memory
        return Decimal(0) if memory is None else memory.base_held


def read_books(engine: Engine, bot: int) -> Books:
    """Read it all."""
    with session_scope(engine, None) as session:
        state = session.execute(select(*BotState.__table__.columns).where(BotState.id == bot)).one()
        rows = [
            session.execute(
                select(*model.__table__.columns).where(model.__table__.c.bot_config_id == bot).order_by(model.id)
            ).all()
            for model in (Order, Fill, Trade)
        ]
    return Books(state, *rows)


@dataclass(frozen=True, slots=True)
class Venue:
    """What the exchange says of the one account."""

    exchange: Exchange
    kind: MarketKind
    api_key: str = API_KEY

    @property
    def executions(self) -> list[Execution]:
        return list(self.exchange.state.all_executions_of(self.api_key))

    @property
    def account(self) -> Any:
        return self.exchange.state.accounts[self.api_key]

    @property
    def position(self) -> Decimal:
        """Coins beyond the account's own, or the contract's position."""
        if self.kind is MarketKind.FUTURES:
            return Decimal(self.account.position(SYMBOL).quantity)
        balance = self.account.balance("BTC")
        return Decimal(balance.free + balance.locked - OWN_COINS)

    def orders(self) -> dict[str, list[tuple[str, Decimal, int]]]:
        """Return status, executed quantity and number of every order that ever was, by client id."""
        found: dict[str, list[tuple[str, Decimal, int]]] = defaultdict(list)
        for one in self.exchange.state.orders[self.api_key, self.kind, SYMBOL]:
            found[one.client_order_id].append((one.status, one.executed_quantity, one.order_id))
        return found

    def algos(self) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = defaultdict(list)
        for one in self.exchange.state.conditionals.algos_of(self.api_key):
            found[one.client_algo_id].append(one)
        return found

    def protected_quantity(self) -> Decimal:
        """Return what live stops stand for."""
        if self.kind is MarketKind.FUTURES:
            algos = self.exchange.state.conditionals.open_algos_of(self.api_key, SYMBOL)
            return max((one.quantity for one in algos if one.is_stop), default=Decimal(0))
        orders = self.exchange.state.open_orders_of(self.api_key, self.kind)
        return sum((one.remaining for one in orders if one.is_waiting), Decimal(0))


def differences(books: Books, venue: Venue) -> list[str]:
    """Return in what the two differ once all is settled; and what was done twice."""
    return [
        *_executions_differ(books, venue),
        *_orders_differ(books, venue),
        *_position_differs(books, venue),
        *_money_differs(books, venue),
        *_done_twice(books, venue),
    ]


def _executions_differ(books: Books, venue: Venue) -> list[str]:
    ours = Counter(
        (int(f.trade_id), f.side.value, f.price, f.quantity, f.quote_quantity, f.commission, f.commission_asset)
        for f in books.fills
    )
    theirs = Counter(
        (e.trade_id, e.side, e.price, e.quantity, e.quote_quantity, e.commission, e.commission_asset)
        for e in venue.executions
    )
    wrong = [f"LOST: execution {one} is not in the database" for one in theirs - ours]
    wrong += [f"fill {one} is not at the exchange" for one in ours - theirs]
    orders: dict[int, Decimal] = defaultdict(Decimal)
    for execution in venue.executions:
        orders[execution.order_id] += execution.quantity
    kind = venue.kind.value
    expected = {f"live-{kind}:{SYMBOL}:{number}": quantity for number, quantity in orders.items()}
    traded = {trade.binance_order_id: trade.quantity_filled for trade in books.trades}
    if traded != expected:
        wrong.append(f"trades {traded} for executed orders {expected}")
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for fill in books.fills:
        filled[fill.order_id] += fill.quantity
    wrong += [
        f"order {one.client_order_id} says {one.executed_qty} executed, its fills {filled[one.id]}"
        for one in books.orders
        if filled[one.id] != one.executed_qty
    ]
    return wrong


def _orders_differ(books: Books, venue: Venue) -> list[str]:
    wrong = []
    there, algos = venue.orders(), venue.algos()
    names = {one.client_order_id for one in books.orders}
    became = {one.order_id for listed in algos.values() for one in listed if one.order_id}
    # The exchange's own orders are written down under ids of ours; their executions are compared like any.
    adopted = {one.venue_order_id: one for one in books.orders if one.reason is TradeReason.LIQUIDATION}
    forced = {number for name, listed in there.items() if name.startswith("autoclose-") for *_, number in listed}
    became |= forced & {int(number) for number in adopted}
    for name, listed in there.items():
        if name not in names and not any(number in became for *_, number in listed):
            wrong.append(f"order {name} {listed} at the exchange has no intent")
    wrong += [f"stop {name} at the exchange has no intent" for name in algos if name not in names]
    for order in books.orders:
        if order.venue_order_id in adopted:
            if int(order.venue_order_id) not in forced:
                wrong.append(f"{order.client_order_id} is a liquidation here, there it is none")
            continue
        if order.type.value == "STOP_MARKET":
            wrong += _stop_differs(order, algos.get(order.client_order_id, []), venue)
            continue
        listed = there.get(order.client_order_id, [])
        if not listed:
            if order.status.value not in {"REJECTED", "ABSENT"}:
                wrong.append(f"LOST: {order.leg} {order.client_order_id} is {order.status} here and not there")
        elif len(listed) > 1:
            wrong.append(f"TWICE: {len(listed)} orders have the id {order.client_order_id}")
        elif (order.status.value, order.executed_qty) != listed[0][:2]:
            wrong.append(
                f"{order.leg} {order.client_order_id} is {order.status} with {order.executed_qty} here, "
                f"{listed[0][0]} with {listed[0][1]} there"
            )
    return wrong


def _stop_differs(order: Any, listed: list[Any], venue: Venue) -> list[str]:
    name = f"stop {order.client_order_id}"
    if not listed:
        if order.status.value in {"REJECTED", "ABSENT"}:
            return []
        return [f"LOST: {name} is {order.status} here and not there"]
    if len(listed) > 1:
        return [f"TWICE: {len(listed)} stops have the id {order.client_order_id}"]
    (algo,) = listed
    there = algo.status
    if algo.order_id:
        executed = sum((e.quantity for e in venue.executions if e.order_id == algo.order_id), Decimal(0))
        if executed != order.executed_qty:
            return [f"LOST: {name} executed {order.executed_qty} here, {executed} there"]
        there = next(
            one.status
            for one in venue.exchange.state.orders[venue.api_key, venue.kind, SYMBOL]
            if one.order_id == algo.order_id
        )
    return [] if order.status.value == there else [f"{name} is {order.status} here, {there} there"]


def _position_differs(books: Books, venue: Venue) -> list[str]:
    wrong = []
    if books.held != venue.position:
        wrong.append(f"the books hold {books.held}, the exchange {venue.position}")
    memory = books.memory
    in_position = memory is not None and memory.position is not None
    if books.state.in_position != in_position:
        wrong.append(f"in_position is {books.state.in_position}, the memory says {in_position}")
    return wrong


def _money_differs(books: Books, venue: Venue) -> list[str]:
    flows = Decimal(0)
    for fill in books.fills:
        flows += fill.quote_quantity if fill.side.value == "SELL" else -fill.quote_quantity
        if fill.commission_asset == "USDT":
            flows -= fill.commission
    if venue.kind is MarketKind.SPOT:
        balance = venue.account.balance("USDT")
        there = balance.free + balance.locked - QUOTE
    else:
        position = venue.account.position(SYMBOL)
        cost = position.cost if position.quantity > 0 else -position.cost
        there = venue.account.futures["USDT"] - QUOTE - (cost if position.quantity else Decimal(0))
    if abs(flows - there) > _ROUNDING:
        return [f"by the fills {flows} of quote came in, the exchange's wallet says {there}"]
    return []


def _done_twice(books: Books, venue: Venue) -> list[str]:
    """A decision to enter executes in one order; one to exit in parts at most, never more than there was."""
    wrong = []
    parts: dict[tuple[str, str], list[Any]] = defaultdict(list)
    there = venue.orders()
    for order in books.orders:
        if order.leg.value in {"entry", "exit"} and any(q for _, q, _ in there.get(order.client_order_id, [])):
            parts[order.decision_key, order.leg.value].append(order)
    for (key, leg), orders in parts.items():
        if leg == "entry" and len(orders) > 1:
            wrong.append(f"TWICE: {key} was executed by {len(orders)} orders")
        if leg == "exit" and any(one.executed_qty == one.quantity for one in orders[:-1]):
            wrong.append(f"TWICE: {key} was executed whole, and again")
    if venue.kind is MarketKind.SPOT and venue.position < 0:
        wrong.append(f"TWICE: {-venue.position} more was sold than the bot had")
    return wrong
