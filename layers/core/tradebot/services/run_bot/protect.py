"""What rests at the exchange beside a position: its stop and its take profit, for what is held, at their levels now.

On spot both are one order list, so that one sale ends the other; on futures a stop on the algo endpoint and a
reduce-only limit order. Where the stop cannot rest, the position is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.order import ExitReason, Leg, OrderType
from tradebot.domain.order_id import protection_key
from tradebot.engine import tick as engine
from tradebot.errors import (
    ExchangeAuthenticationError,
    ExchangeError,
    ExchangeThrottledError,
    MarketClosedError,
    StopWouldTriggerError,
)
from tradebot.exchange.gate import Urgency
from tradebot.repositories.orders import find_attempts
from tradebot.services.exchange_budget import EXIT_WEIGHT
from tradebot.services.run_bot.leave import leave
from tradebot.services.run_bot.place_order import Draft, place, place_for_sure
from tradebot.services.run_bot.withdraw import withdraw

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.order import Side
    from tradebot.repositories.orders import Attempts, LiveOrder
    from tradebot.services.run_bot.context import Tick


@dataclass(frozen=True, slots=True)
class Protection:
    """What has to rest."""

    key: str
    side: Side
    quantity: Decimal
    stop_price: Decimal
    reason: ExitReason
    take_profit_price: Decimal

    @property
    def take_profit_key(self) -> str:
        """Where the take profit is an order of its own."""
        return f"{self.key}:take_profit"

    def is_stop(self, order: LiveOrder) -> bool:
        """Whether an order is the stop that is wanted."""
        return order.leg is Leg.STOP and (order.stop_price, order.left) == (self.stop_price, self.quantity)

    def is_take_profit(self, order: LiveOrder) -> bool:
        """Whether an order is the take profit that is wanted."""
        return order.leg is Leg.TAKE_PROFIT and (order.price, order.left) == (self.take_profit_price, self.quantity)


def resting_levels(tick: Tick) -> engine.Resting:
    """Return the levels that the exchange acts on by itself."""
    stop = next((order.stop_price for order in tick.resting if order.leg is Leg.STOP), None)
    take_profit = next((order.price for order in tick.resting if order.leg is Leg.TAKE_PROFIT), None)
    return engine.Resting(stop, take_profit)


def is_protected(tick: Tick) -> bool:
    """Whether a stop rests for all that is held, or what is held is on its way out.

    Where the exchange did not answer, what is not known counts as it was left: protected.
    """
    try:
        wanted = _wanted(tick)
    except ExchangeError:
        return True
    if not tick.knows_orders or wanted is None or tick.exit_is_in_doubt:
        return True
    # In a market that is closed the stop stays where it rests, and moves afterwards.
    return any(wanted.is_stop(order) or (tick.is_market_closed and order.leg is Leg.STOP) for order in tick.resting)


def protect(tick: Tick) -> None:
    """Bring what rests in line with the position; where its stop cannot rest, leave it.

    Raise LeaseLostError where the lease is gone.
    """
    wanted = _wanted(tick)
    if wanted is None:
        withdraw(tick, tick.resting)
    elif tick.exit_is_in_doubt or _stop_is_in_doubt(tick, wanted):
        # An exit under way may have sold what another order would sell again; what is not known may rest.
        return
    elif isinstance(tick.failure, ExchangeAuthenticationError | ExchangeThrottledError):
        return  # nothing would be accepted
    elif tick.is_market_closed:
        _say_that_it_waits(tick)
    elif tick.parameters.is_futures:
        _protect_futures(tick, wanted)
    else:
        _protect_spot(tick, wanted)


def _stop_is_in_doubt(tick: Tick, wanted: Protection) -> bool:
    """Whether another stop could do harm: on spot beside any that may rest; on futures it only reduces."""
    doubtful = [order for order in tick.in_doubt if order.leg.is_protection]
    return any(not tick.parameters.is_futures or order.decision_key == wanted.key for order in doubtful)


def _wanted(tick: Tick) -> Protection | None:
    position = None if tick.memory is None else tick.memory.position
    if position is None:
        return None
    quantity = engine.exit_quantity(position, tick.rules)
    if tick.held_at_most is not None:
        quantity = min(quantity, tick.held_at_most)
    if quantity < tick.rules.min_qty:
        return None
    stop_price, reason = position.stop
    return Protection(
        protection_key(position.entry_key, stop_price, quantity),
        position.side.exit_side,
        quantity,
        stop_price,
        reason,
        position.take_profit_price,
    )


def _protect_spot(tick: Tick, wanted: Protection) -> None:
    if _is_in_place_on_spot(tick, wanted):
        return
    if tick.resting:
        # The coins are locked for what rests: it has to go first, and may execute before it does. The request weight
        # for what comes in its place is set aside before.
        tick.budget.reserve(Urgency.PROTECTION, EXIT_WEIGHT)
        if withdraw(tick, tick.resting):
            protect(tick)
        return
    stop = Draft(
        wanted.key,
        Leg.STOP,
        wanted.side,
        wanted.quantity,
        wanted.reason,
        OrderType.STOP_LOSS,
        stop_price=wanted.stop_price,
    )
    take_profit = Draft(
        wanted.key,
        Leg.TAKE_PROFIT,
        wanted.side,
        wanted.quantity,
        ExitReason.TAKE_PROFIT,
        OrderType.LIMIT_MAKER,
        price=wanted.take_profit_price,
    )
    sent = place_for_sure(tick, stop, take_profit)
    if sent.refusal is not None and not isinstance(sent.refusal, StopWouldTriggerError | MarketClosedError):
        # A take profit can be too far away for the exchange; the stop alone rests then, and ticks watch the other.
        sent = place_for_sure(tick, stop)
    if tick.is_market_closed:
        _say_that_it_waits(tick)
    elif sent.refusal is not None:
        _flatten(tick, wanted, sent.refusal.message)


def _is_in_place_on_spot(tick: Tick, wanted: Protection) -> bool:
    stops = [order for order in tick.resting if order.leg is Leg.STOP]
    others = [order for order in tick.resting if order.leg is not Leg.STOP]
    if len(stops) != 1 or not wanted.is_stop(stops[0]):
        return False
    is_alone = stops[0].list_client_order_id is None
    return not others if is_alone else len(others) == 1 and wanted.is_take_profit(others[0])


def _protect_futures(tick: Tick, wanted: Protection) -> None:
    """The new stop first, then the old one goes; both only reduce, so that the two cannot sell more than is held."""
    stops = [order for order in tick.resting if order.leg is Leg.STOP]
    good = next((order for order in stops if wanted.is_stop(order)), None)
    tried = None
    if good is None:
        with tick.open_session(tick.claim.user_id) as session:
            tried = find_attempts(
                session, tick.claim, (wanted.key, Leg.STOP), (wanted.take_profit_key, Leg.TAKE_PROFIT)
            )
        draft = Draft(
            wanted.key,
            Leg.STOP,
            wanted.side,
            wanted.quantity,
            wanted.reason,
            OrderType.STOP_MARKET,
            reduce_only=True,
            stop_price=wanted.stop_price,
        )
        sent = place_for_sure(tick, draft, tried=tried[0])
        if tick.is_market_closed:
            _say_that_it_waits(tick)
            return
        if sent.refusal is not None:
            _flatten(tick, wanted, sent.refusal.message)
            return
        if not sent.rests:
            return
    withdraw(tick, [order for order in stops if order is not good])
    if _wanted(tick) == wanted:
        _rest_take_profit(tick, wanted, None if tried is None else tried[1])


def _rest_take_profit(tick: Tick, wanted: Protection, tried: Attempts | None) -> None:
    if any(order.leg is Leg.TAKE_PROFIT for order in tick.in_doubt):
        return
    others = [order for order in tick.resting if order.leg is Leg.TAKE_PROFIT]
    if len(others) == 1 and wanted.is_take_profit(others[0]):
        return
    if not withdraw(tick, others) or _wanted(tick) != wanted:
        return
    if tried is None:
        with tick.open_session(tick.claim.user_id) as session:
            (tried,) = find_attempts(session, tick.claim, (wanted.take_profit_key, Leg.TAKE_PROFIT))
    if tried.refused:
        return  # the exchange does not take it; ticks watch the level
    draft = Draft(
        wanted.take_profit_key,
        Leg.TAKE_PROFIT,
        wanted.side,
        wanted.quantity,
        ExitReason.TAKE_PROFIT,
        OrderType.LIMIT,
        reduce_only=True,
        price=wanted.take_profit_price,
    )
    sent = place(tick, draft, tried=tried)
    if sent.refusal is not None:
        tick.messages.append(f"The take profit cannot rest at the exchange, ticks watch it: {sent.refusal.message}")


def _say_that_it_waits(tick: Tick) -> None:
    """In a market that is closed nothing can be sold and no stop be placed; nor can the price pass one."""
    if is_protected(tick):
        return
    tick.messages.append(
        f"{tick.parameters.symbol} does not trade at the exchange now: the position is kept without a stop, and every "
        "tick tries again."
    )


def _flatten(tick: Tick, wanted: Protection, why: str) -> None:
    """Sell at the market: the stop cannot rest, most of all because the price is beyond it already."""
    memory = tick.memory
    assert memory is not None
    tick.messages.append(f"The stop cannot rest at the exchange, so the position is left: {why}")
    price = tick.price or wanted.stop_price
    memory = engine.request_exit(memory, wanted.reason, tick.tick_at, price)
    tick.remember(memory)
    decision = engine.decide_exit(memory, tick.parameters, tick.rules)
    if decision is not None:
        leave(tick, decision, protects=True)
    if tick.memory is not None and tick.memory.position is None:
        withdraw(tick, tick.resting)
