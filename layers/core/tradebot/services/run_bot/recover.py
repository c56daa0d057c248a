"""Before anything else: find out what became of the orders on record that may still execute, or may have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tradebot.domain.order import OrderStatus, OrderType
from tradebot.errors import ExchangeUnavailableError, LookDeferredError, OrderAbsentError
from tradebot.repositories.orders import find_live_orders
from tradebot.services.run_bot.book import book_in_order
from tradebot.services.run_bot.settle import Settlement, doubtful, settlement_of, settlement_of_stop

if TYPE_CHECKING:
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick

#: How long after signing "no such order" may still mean "not yet": recvWindow 5 s, the engine's 10 s, read lag, margin.
QUIET_MS = 25_000


def recover_orders(tick: Tick) -> None:
    """Ask for every order that may still execute, or may have; keep what is found for the memory."""
    if not tick.claim.live_orders:
        return
    with tick.open_session(tick.claim.user_id) as session:
        orders = find_live_orders(session, tick.claim.user_id, tick.claim.bot_config_id)
    tick.recorded_resting = [order for order in orders if not _is_in_doubt(order)]
    for order in orders:
        was_in_doubt = _is_in_doubt(order)
        if was_in_doubt:
            tick.account.synchronise_clock()
        settlement = look_up(tick, order) if was_in_doubt else _look_at_resting(tick, order)
        if settlement is None:
            continue
        if was_in_doubt:
            tick.actions.append(f"recovered_{order.leg.value}:{settlement.status.value}")
        elif settlement.fills:
            tick.actions.append(f"{order.leg.value}:{settlement.status.value}")
        book_in_order(tick, settlement)
    tick.recorded_resting.clear()


def _is_in_doubt(order: LiveOrder) -> bool:
    return order.status.is_in_doubt or not order.leg.is_protection


def _look_at_resting(tick: Tick, order: LiveOrder) -> Settlement | None:
    """Return what became of an order that rested; None where it still does, as one request shows for all of them."""
    try:
        view = tick.exchange_view
    except LookDeferredError as error:
        # The exchange acts on it without us, and what is decided meanwhile by candles is still sent.
        tick.rest(order)
        defer_look(tick, error)
        return None
    except ExchangeUnavailableError as error:
        # It rested, so it either still does or has acted; what it protects may be left, and nothing may be entered.
        tick.rest(order)
        tick.is_frozen = True
        message = f"The exchange does not show the resting orders: {error.message}"
        if message not in tick.messages:
            tick.messages.append(message)
        return None
    if order.type is OrderType.STOP_MARKET and order.client_order_id in view.stops:
        tick.rest(order)
        return None
    listed = view.orders.get(order.client_order_id)
    if listed is not None and listed.executed_quantity == order.executed_qty:
        tick.rest(order)
        return None
    return look_up(tick, order) if listed is None else settlement_of(tick, order, listed)


def defer_look(tick: Tick, error: LookDeferredError) -> None:
    """Say that nothing was asked in this minute; nothing is entered meanwhile."""
    tick.is_frozen = True
    if error.message not in tick.messages:
        tick.messages.append(error.message)
        tick.actions.append("look_deferred")


def look_up(tick: Tick, order: LiveOrder) -> Settlement:
    """Query an order by its client id. That it is ABSENT takes the quiet time and a second look."""
    # Taken before the query: what counts is when it was issued.
    is_quiet = tick.account.wire_now_ms() - order.signed_at_ms >= QUIET_MS
    try:
        return find(tick, order)
    except OrderAbsentError as error:
        if not is_quiet:
            return doubtful(tick, order, error.message)
    except ExchangeUnavailableError as error:
        return doubtful(tick, order, error.message)
    return _second_look(tick, order)


def find(tick: Tick, order: LiveOrder) -> Settlement:
    """Query an order by its client id; raise OrderAbsentError where the exchange does not show it (yet)."""
    if order.type is OrderType.STOP_MARKET:
        return settlement_of_stop(tick, order, tick.account.find_stop(order.client_order_id))
    return settlement_of(tick, order, tick.account.find_order(order.symbol, order.client_order_id))


def _second_look(tick: Tick, order: LiveOrder) -> Settlement:
    """Conclude that an order never was from two answers that agree: the query's and the list's."""
    try:
        if order.type is OrderType.STOP_MARKET:
            stops = tick.account.open_stops(order.symbol)
            stop = next((stop for stop in stops if stop.client_algo_id == order.client_order_id), None)
            if stop is not None:
                return settlement_of_stop(tick, order, stop)
        else:
            listed = tick.account.find_listed_order(order.symbol, order.client_order_id)
            if listed is not None:
                return settlement_of(tick, order, listed)
    except ExchangeUnavailableError as error:
        return doubtful(tick, order, error.message)
    if not order.status.is_in_doubt:
        return doubtful(tick, order, "the exchange does not show an order that it has shown before")
    tick.undoubt(order)
    order = replace(order, status=OrderStatus.UNKNOWN)
    return Settlement(order, OrderStatus.ABSENT, last_error="the exchange never had this order")
