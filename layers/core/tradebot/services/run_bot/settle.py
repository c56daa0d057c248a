"""From what the exchange says of an order to an outcome: fills by trade id, booked into the memory once."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO, exact
from tradebot.domain.order import Execution, OrderStatus
from tradebot.engine.tick import third_assets, unrealized_pnl
from tradebot.errors import ExchangeError
from tradebot.services.run_bot.context import Outcome
from tradebot.services.run_bot.decide import apply_execution

if TYPE_CHECKING:
    from tradebot.domain.order import Fill
    from tradebot.exchange.protocol import VenueOrder
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick

#: Binance's reads lag behind its matching engine: how often and how far apart an order's trades are asked for.
FILL_READS = 4
FILL_READ_PAUSE_SECONDS = 0.25
_ONE = Decimal(1)


def settled(tick: Tick, order: LiveOrder, venue: VenueOrder) -> Outcome:
    """Return the outcome of an order that the exchange has, and book its fills once it can change no more."""
    if venue.status.is_live:
        return doubtful(tick, order, f"the order is {venue.status} at the exchange", venue=venue, status=venue.status)
    if venue.executed_quantity == 0:
        if venue.status is not OrderStatus.FILLED:
            tick.messages.append(f"The {order.leg.value} order was {venue.status} by the exchange.")
            return Outcome(order, venue.status, venue)
        return doubtful(tick, order, "the order is FILLED at the exchange, with nothing executed", venue=venue)
    try:
        fills = _all_fills(tick, venue)
        if fills is None:
            return doubtful(tick, order, "the order's trades are not visible yet", venue=venue)
        execution = Execution.from_fills(fills)
        prices = _commission_prices(tick, execution)
    except ExchangeError as error:
        return doubtful(tick, order, f"the order's trades could not be read: {error.message}", venue=venue)
    realized = apply_execution(tick, order, execution, prices)
    price = execution.average_price
    assert tick.memory is not None
    return Outcome(
        order,
        venue.status,
        venue,
        fills=fills,
        execution=execution,
        realized_pnl=realized,
        unrealized_pnl=unrealized_pnl(tick.memory, tick.rules, price),
        commission=_commission(tick, execution, prices),
    )


def doubtful(
    tick: Tick,
    order: LiveOrder,
    reason: str,
    *,
    venue: VenueOrder | None = None,
    status: OrderStatus = OrderStatus.UNKNOWN,
) -> Outcome:
    """Return the outcome of an order that the next tick has to ask for. It blocks entries until then.

    What was seen at the exchange once does not become unknown again, nor less executed: reads lag behind each other.
    """
    tick.in_doubt.append(order)
    status = status if order.status.may_become(status) else order.status
    tick.messages.append(f"It is not known yet what became of the {order.leg.value} order: {reason}.")
    return Outcome(order, status, venue, last_error=reason)


def _all_fills(tick: Tick, venue: VenueOrder) -> tuple[Fill, ...] | None:
    """Return fills that add up to what was executed; None where the exchange does not show them all yet."""
    if venue.fills is not None:
        return venue.fills
    for read in range(FILL_READS):
        if read:
            time.sleep(FILL_READ_PAUSE_SECONDS)
        fills = tick.account.order_fills(venue.symbol, venue.order_id)
        with exact():
            if sum((fill.quantity for fill in fills), ZERO) == venue.executed_quantity:
                return fills
    return None


def _commission_prices(tick: Tick, execution: Execution) -> dict[str, Decimal]:
    """Return the price in quote of each third asset (BNB) that a commission was paid in."""
    quote = tick.rules.quote_asset
    return {asset: tick.market.price(f"{asset}{quote}") for asset in third_assets(execution, tick.rules)}


def _commission(tick: Tick, execution: Execution, prices: dict[str, Decimal]) -> tuple[Decimal, str]:
    """Return the commission for the trade's one pair of columns: in its asset, or in quote where several were paid."""
    if len(execution.commissions) == 1:
        asset, amount = execution.commissions[0]
        return amount, asset
    rules = tick.rules
    known = {**prices, rules.quote_asset: _ONE, rules.base_asset: execution.average_price}
    with exact():
        return sum(
            (amount * known[asset] for asset, amount in execution.commissions if amount), ZERO
        ), rules.quote_asset
