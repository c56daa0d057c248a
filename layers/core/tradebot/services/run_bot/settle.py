"""From what the exchange says of an order to a settlement: new fills by trade id, read whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO, exact
from tradebot.domain.order import Execution, OrderStatus
from tradebot.engine.tick import third_assets
from tradebot.errors import ExchangeError
from tradebot.exchange.protocol import StopStatus
from tradebot.repositories.orders import find_trade_ids

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradebot.domain.order import Fill
    from tradebot.exchange.protocol import VenueOrder, VenueStop
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick

#: Binance's reads lag behind its matching engine: how often and how far apart an order's trades are asked for.
FILL_READS = 4
FILL_READ_PAUSE_SECONDS = 0.25
_STOP_ENDS = {
    StopStatus.CANCELED: OrderStatus.CANCELED,
    StopStatus.EXPIRED: OrderStatus.EXPIRED,
    StopStatus.REJECTED: OrderStatus.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the exchange says of an order. What it executed is not in the memory yet."""

    order: LiveOrder
    status: OrderStatus
    venue_order_id: str | None = None
    #: Executions that were not recorded before.
    fills: tuple[Fill, ...] = ()
    #: In quote, of each third asset (BNB) that a commission was paid in.
    commission_prices: Mapping[str, Decimal] = field(default_factory=dict)
    last_error: str | None = None

    @property
    def settled_order(self) -> LiveOrder:
        """The order as it stands after this."""
        order = replace(self.order, status=self.status, venue_order_id=self.venue_order_id or self.order.venue_order_id)
        return order.executed(Execution.from_fills(self.fills)) if self.fills else order


def settlement_of(tick: Tick, order: LiveOrder, venue: VenueOrder) -> Settlement:
    """Return what an order has come to that the exchange has. A stop or take profit that is live rests."""
    venue_order_id = str(venue.order_id)
    if venue.executed_quantity < order.executed_qty:
        return doubtful(tick, order, "the exchange shows less of it executed than before")
    if venue.status is OrderStatus.FILLED and venue.executed_quantity == 0:
        return doubtful(tick, order, "the order is FILLED at the exchange, with nothing executed")
    settlement = Settlement(order, venue.status, venue_order_id)
    if venue.executed_quantity > order.executed_qty:
        read = _with_new_fills(tick, settlement, venue)
        if isinstance(read, str):
            return doubtful(tick, order, read, venue_order_id=venue_order_id)
        settlement = read
    if venue.status.is_live and not order.leg.is_protection:
        reason = f"the order is {venue.status} at the exchange"
        in_doubt = doubtful(tick, order, reason, venue_order_id=venue_order_id, status=venue.status)
        return replace(in_doubt, fills=settlement.fills, commission_prices=settlement.commission_prices)
    tick.undoubt(order)
    if venue.status.is_live:
        tick.rest(settlement.settled_order)
        return settlement
    tick.unrest(order)
    if not settlement.fills and not order.leg.is_protection:
        tick.messages.append(f"The {order.leg.label} order was {venue.status} by the exchange.")
    return settlement


def _with_new_fills(tick: Tick, settlement: Settlement, venue: VenueOrder) -> Settlement | str:
    """Add what was executed since it was recorded; or say why that cannot be known yet."""
    order = settlement.order
    try:
        fills = None if order.executed_qty or venue.fills is None else _each_once(venue.fills)
        if fills is None:
            fills = _new_fills(tick, order, venue.order_id, venue.executed_quantity)
        if fills is None:
            return "the order's trades are not visible yet"
        return replace(settlement, fills=fills, commission_prices=_commission_prices(tick, fills))
    except ExchangeError as error:
        return f"the order's trades could not be read: {error.message}"


def settlement_of_stop(tick: Tick, order: LiveOrder, stop: VenueStop) -> Settlement:
    """Return what a futures stop has come to: it rests, it ended, or it became a market order with fills of its own."""
    if stop.status is StopStatus.NEW:
        settlement = Settlement(order, OrderStatus.NEW, str(stop.algo_id))
        tick.undoubt(order)
        tick.rest(settlement.settled_order)
        return settlement
    if stop.status in _STOP_ENDS:
        tick.undoubt(order)
        tick.unrest(order)
        return Settlement(order, _STOP_ENDS[stop.status], str(stop.algo_id))
    if stop.order_id is None:
        return doubtful(tick, order, "the stop is triggering at the exchange")
    return _settlement_of_triggered(tick, order, stop.order_id)


def _settlement_of_triggered(tick: Tick, order: LiveOrder, order_id: int) -> Settlement:
    """Return what the market order has come to that a stop became.

    It only reduces, and the book may be thin: what it executed is not what the stop stood for.
    """
    venue_order_id = str(order_id)
    try:
        became = tick.account.find_order_of_stop(order.symbol, order_id)
        if became.status.is_live:
            reason = f"the stop's order is {became.status} at the exchange"
            return doubtful(tick, order, reason, venue_order_id=venue_order_id)
        fills = _new_fills(tick, order, order_id, became.executed_quantity) if became.executed_quantity else ()
        if fills is None:
            return doubtful(tick, order, "the stop's trades are not visible yet", venue_order_id=venue_order_id)
        prices = _commission_prices(tick, fills) if fills else {}
    except ExchangeError as error:
        reason = f"the stop's trades could not be read: {error.message}"
        return doubtful(tick, order, reason, venue_order_id=venue_order_id)
    tick.undoubt(order)
    tick.unrest(order)
    return Settlement(order, became.status, venue_order_id, fills, prices)


def doubtful(
    tick: Tick,
    order: LiveOrder,
    reason: str,
    *,
    venue_order_id: str | None = None,
    status: OrderStatus = OrderStatus.UNKNOWN,
) -> Settlement:
    """Return the settlement of an order that the next tick has to ask for. It blocks entries until then.

    What was seen at the exchange once does not become unknown again, nor less executed: reads lag behind each other.
    """
    tick.doubt(order)
    status = status if order.status.may_become(status) else order.status
    tick.messages.append(f"It is not known yet what became of the {order.leg.label} order: {reason}.")
    return Settlement(order, status, venue_order_id, last_error=reason)


def _new_fills(tick: Tick, order: LiveOrder, venue_order_id: int, executed: Decimal) -> tuple[Fill, ...] | None:
    """Return the fills that are not recorded; None where the exchange does not show all that was executed yet."""
    for read in range(FILL_READS):
        if read:
            tick.sleep(FILL_READ_PAUSE_SECONDS)
        fills = _each_once(tick.account.order_fills(order.symbol, venue_order_id))
        with exact():
            if sum((fill.quantity for fill in fills), ZERO) == executed:
                break
    else:
        return None
    if not order.executed_qty:
        return fills
    with tick.open_session(tick.claim.user_id) as session:
        known = find_trade_ids(session, tick.claim.user_id, order.id)
    known |= {fill.trade_id for one in tick.unrecorded if one.order.id == order.id for fill in one.fills}
    return tuple(fill for fill in fills if fill.trade_id not in known)


def _each_once(fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    """Return the trades by their ids: one that is listed twice was made once."""
    return tuple({fill.trade_id: fill for fill in fills}.values())


def _commission_prices(tick: Tick, fills: tuple[Fill, ...]) -> dict[str, Decimal]:
    quote = tick.rules.quote_asset
    assets = third_assets(Execution.from_fills(fills), tick.rules)
    return {asset: tick.market.price(f"{asset}{quote}") for asset in assets}
