"""Before anything else: find out what became of the orders that an earlier tick left in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.order import OrderStatus
from tradebot.errors import ExchangeUnavailableError, OrderAbsentError
from tradebot.repositories.orders import find_live_orders
from tradebot.services.run_bot.context import Outcome
from tradebot.services.run_bot.settle import doubtful, settled

if TYPE_CHECKING:
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick

#: How long after signing "no such order" may still mean "not yet": recvWindow 5 s, the engine's 10 s, read lag, margin.
QUIET_MS = 25_000


def recover_orders(tick: Tick) -> None:
    """Ask for every order that may still execute, or may have; adopt what is found."""
    if not tick.claim.live_orders:
        return
    with tick.open_session(tick.claim.user_id) as session:
        orders = find_live_orders(session, tick.claim.user_id, tick.claim.bot_config_id)
    tick.account.synchronise_clock()
    for order in orders:
        outcome = _recover(tick, order)
        tick.actions.append(f"recovered_{order.leg.value}:{outcome.status.value}")
        tick.unrecorded.append(outcome)


def _recover(tick: Tick, order: LiveOrder) -> Outcome:
    # Taken before the query: what counts is when it was issued.
    is_quiet = tick.account.wire_now_ms() - order.signed_at_ms >= QUIET_MS
    try:
        return settled(tick, order, tick.account.find_order(order.symbol, order.client_order_id))
    except OrderAbsentError as error:
        if not is_quiet:
            return doubtful(tick, order, error.message)
    except ExchangeUnavailableError as error:
        return doubtful(tick, order, error.message)
    return _second_look(tick, order)


def _second_look(tick: Tick, order: LiveOrder) -> Outcome:
    """Conclude that an order never was from two answers that agree: the query's and the list's."""
    try:
        listed = tick.account.find_listed_order(order.symbol, order.client_order_id)
    except ExchangeUnavailableError as error:
        return doubtful(tick, order, error.message)
    if listed is not None:
        return settled(tick, order, listed)
    if not order.status.is_in_doubt:
        return doubtful(tick, order, "the exchange does not show an order that it has shown before")
    return Outcome(order, OrderStatus.ABSENT, last_error="the exchange never had this order")
