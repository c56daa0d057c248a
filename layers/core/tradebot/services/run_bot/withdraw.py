"""Takes back what rests at the exchange, and adopts what it executed before that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO, exact
from tradebot.domain.order import OrderStatus, OrderType, Side
from tradebot.errors import (
    CancelRefusedError,
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    LeaseLostError,
    OrderAbsentError,
)
from tradebot.repositories.orders import is_lease_held
from tradebot.services.run_bot.book import book_now
from tradebot.services.run_bot.place_order import MIN_REMAINING_MS
from tradebot.services.run_bot.recover import find
from tradebot.services.run_bot.settle import Settlement, settlement_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick


def withdraw(tick: Tick, orders: Sequence[LiveOrder]) -> bool:
    """Cancel resting orders; tell whether none of them can execute any more.

    Where that is not known, nothing may be sold that they could still sell. Raise LeaseLostError where the lease is
    gone: another worker may count on them.
    """
    if not orders:
        return True
    if tick.remaining_ms() < MIN_REMAINING_MS:
        tick.ran_short = True
        tick.messages.append("Too little of the function's time was left to cancel; the next tick tries again.")
        return False
    tick.account.synchronise_clock()
    # Each is tried, whatever became of the others.
    are_gone = [_withdraw_one(tick, request) for request in _requests(orders)]
    return all(are_gone)


def locked_coins(tick: Tick) -> Decimal:
    """Return what the bot's resting sales lock on spot: a list locks its coins once."""
    sales = {order.list_client_order_id or order.client_order_id: order for order in tick.resting}
    with exact():
        return sum((order.left for order in sales.values() if order.side is Side.SELL), ZERO)


def _requests(orders: Sequence[LiveOrder]) -> list[list[LiveOrder]]:
    """Group the orders by the request that cancels them: a list goes as one."""
    groups: dict[str, list[LiveOrder]] = {}
    for order in orders:
        groups.setdefault(order.list_client_order_id or order.client_order_id, []).append(order)
    return list(groups.values())


def _withdraw_one(tick: Tick, orders: Sequence[LiveOrder]) -> bool:
    try:
        try:
            _cancel(tick, orders)
        except ExchangeClockError:
            # Nothing was done, for sure.
            tick.account.synchronise_clock(force=True)
            _cancel(tick, orders)
    except (CancelRefusedError, ExchangeError) as error:
        if isinstance(error, ExchangeAuthenticationError | ExchangeThrottledError):
            tick.failure = error
        return _ask_what_became(tick, orders, error)
    return not any(order.id == one.id for order in orders for one in (*tick.resting, *tick.in_doubt))


def _cancel(tick: Tick, orders: Sequence[LiveOrder]) -> None:
    account, first = tick.account, orders[0]
    # As for an order: signed before the lease is proved, so that a worker that freezes in between cancels nothing.
    signed_at_ms = account.wire_now_ms()
    with tick.open_session(tick.claim.user_id) as session:
        if not is_lease_held(session, tick.claim):
            raise LeaseLostError("Nothing was cancelled: the lease is lost.")
    tick.step("cancel.send")
    settlements: list[Settlement]
    if first.type is OrderType.STOP_MARKET:
        account.cancel_stop(first.client_order_id, signed_at_ms)
        tick.undoubt(first)
        tick.unrest(first)
        settlements = [Settlement(first, OrderStatus.CANCELED)]
    elif first.list_client_order_id is not None:
        listed = account.cancel_order_list(first.symbol, first.list_client_order_id, signed_at_ms)
        found = {one.client_order_id: one for one in listed.orders}
        settlements = [
            settlement_of(tick, order, found[order.client_order_id])
            for order in orders
            if order.client_order_id in found
        ]
    else:
        cancelled = account.cancel_order(first.symbol, first.client_order_id, signed_at_ms)
        settlements = [settlement_of(tick, first, cancelled)]
    tick.step("cancel.sent")
    for settlement in settlements:
        book_now(tick, settlement)
    tick.actions.append(f"cancelled_{first.leg.value}")


def _ask_what_became(tick: Tick, orders: Sequence[LiveOrder], error: ExchangeError) -> bool:
    """A cancel that was refused, or whose answer is missing, cancelled nothing until the orders say so themselves."""
    for order in orders:
        try:
            settlement = find(tick, order)
        except (OrderAbsentError, ExchangeError):
            tick.doubt(order)
            tick.messages.append(f"It is not known yet whether the {order.leg.label} was cancelled: {error.message}.")
            continue
        if settlement.fills:
            tick.actions.append(f"{order.leg.value}:{settlement.status.value}")
        book_now(tick, settlement)
    return not any(order.id == one.id for order in orders for one in (*tick.resting, *tick.in_doubt))
