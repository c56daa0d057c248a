"""One request: the intents of its orders recorded and committed, then sent once. No transaction is open meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.order import Leg, OcoRequest, OrderRequest, OrderStatus, OrderType, StopRequest
from tradebot.domain.order_id import client_order_id
from tradebot.errors import (
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    LeaseLostError,
    MarketClosedError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
)
from tradebot.models import TradeReason
from tradebot.repositories.orders import Intent, LiveOrder, find_attempts, insert_intents
from tradebot.services.run_bot.book import book_now
from tradebot.services.run_bot.record import clear_recorded, record, state_columns
from tradebot.services.run_bot.recover import QUIET_MS, find, look_up
from tradebot.services.run_bot.settle import Settlement, doubtful, settlement_of, settlement_of_stop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tradebot.domain.order import Side
    from tradebot.repositories.orders import Attempts
    from tradebot.services.run_bot.context import Tick

#: Of the function's time: an order may take 10 s to answer, and what became of it has to be recorded.
MIN_REMAINING_MS = 12_000
#: And what a wait for the quiet time has to leave: a query, its list, a new order, the record.
_LEFT_AFTER_QUIET_MS = 20_000


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that is wanted, before it has a number and an id."""

    decision_key: str
    leg: Leg
    side: Side
    quantity: Decimal
    reason: str
    type: OrderType = OrderType.MARKET
    reduce_only: bool = False
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a request. `refusal`: the exchange does not take these orders, for good."""

    settlements: tuple[Settlement, ...] = ()
    refusal: OrderRejectedError | None = None

    @property
    def rests(self) -> bool:
        """Whether every order of it is at the exchange, resting or executed."""
        good = {OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED}
        return bool(self.settlements) and all(one.status in good for one in self.settlements)

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody knows."""
        return any(one.status.is_in_doubt for one in self.settlements)


def place(tick: Tick, *drafts: Draft, protects: bool = False, tried: Attempts | None = None) -> Sent:
    """Send the orders of one request, two for an order list, and book what became of them.

    Stops and take profits, and what `protects` in their stead, are sent for a bot that its user stopped meanwhile too.
    `tried` is what has been sent for the first one's decision, where this tick has read that and sent none since.
    Raise LeaseLostError where they may not be sent any more: the lease is gone, the user stopped the bot,
    or it is an entry and a kill switch is on.
    """
    if tick.remaining_ms() < MIN_REMAINING_MS:
        tick.ran_short = True
        tick.messages.append("Too little of the function's time was left to send an order; the next tick tries again.")
        return Sent()
    tick.account.synchronise_clock()
    sent = _attempt(tick, drafts, protects=protects, tried=tried)
    if sent is None:
        # Not executed, for sure. One new attempt has ids, intents and a timestamp of its own.
        tick.account.synchronise_clock(force=True)
        sent = _attempt(tick, drafts, protects=protects)
        if sent is None:
            tick.messages.append("The exchange found our timestamp wrong twice; the order was not executed.")
            return Sent()
    return sent


def place_for_sure(tick: Tick, *drafts: Draft, protects: bool = False, tried: Attempts | None = None) -> Sent:
    """Place what keeps a position from being bare: as `place`, but not left in doubt while there is time.

    What nobody knows the end of is waited for until it can no longer arrive; what did not is placed once more.
    """
    sent = place(tick, *drafts, protects=protects, tried=tried)
    if not sent.is_in_doubt or not _wait_until_quiet(tick, sent):
        return sent
    settlements = tuple(look_up(tick, one.settled_order) for one in sent.settlements)
    for settlement in settlements:
        book_now(tick, settlement)
    if all(one.status is OrderStatus.ABSENT for one in settlements):
        return place(tick, *drafts, protects=protects)
    return Sent(settlements)


def _wait_until_quiet(tick: Tick, sent: Sent) -> bool:
    """Wait until "no such order" means that it never was, if the function has the time."""
    signed_at_ms = sent.settlements[0].order.signed_at_ms
    wait_ms = signed_at_ms + QUIET_MS - tick.account.wire_now_ms()
    if tick.remaining_ms() - wait_ms < _LEFT_AFTER_QUIET_MS:
        return False
    tick.sleep(max(0, wait_ms) / 1000)
    return True


def _attempt(tick: Tick, drafts: Sequence[Draft], *, protects: bool, tried: Attempts | None = None) -> Sent | None:
    """Record and send once; None where the exchange found the timestamp wrong."""
    orders = _record_intents(tick, drafts, tried, protects=protects or drafts[0].leg.is_protection)
    if orders is None:
        return Sent()
    name = drafts[0].leg.value
    settlements: list[Settlement]
    refusal: OrderRejectedError | None = None
    is_clock_wrong = False
    try:
        tick.step(f"{name}.send")
        settlements = _send(tick, orders)
    except ExchangeClockError as error:
        is_clock_wrong = True
        settlements = _rejected(orders, error)
    except OrderRejectedError as error:
        refusal = error
        tick.is_market_closed = isinstance(error, MarketClosedError)
        settlements = _rejected(orders, error)
    except (ExchangeAuthenticationError, ExchangeThrottledError) as error:
        tick.failure = error
        settlements = _rejected(orders, error)
    except (OrderExistsError, ExchangeUnavailableError) as error:
        settlements = [_look_at_once(tick, order, error) for order in orders]
    except ExchangeError as error:
        settlements = [doubtful(tick, order, error.message) for order in orders]
    tick.step(f"{name}.sent")
    for settlement in settlements:
        book_now(tick, settlement)
    if is_clock_wrong:
        return None
    tick.actions.append(f"{name}:{settlements[0].status.value}")
    return Sent(tuple(settlements), refusal)


def _record_intents(
    tick: Tick, drafts: Sequence[Draft], tried: Attempts | None, *, protects: bool
) -> list[LiveOrder] | None:
    """Commit the intents, together with what is unrecorded so far. None: the decision was executed already."""
    claim, first = tick.claim, drafts[0]
    # Before the commit that proves the lease: a worker that freezes from here on is refused by the exchange.
    signed_at_ms = tick.account.wire_now_ms()
    with tick.open_session(claim.user_id) as session:
        record(session, tick)
        attempts = tried or find_attempts(session, claim, (first.decision_key, first.leg))[0]
        if first.leg is Leg.ENTRY and attempts.executed_quantity > 0:
            return None
        intents = [_intent(tick, draft, attempts.count + 1, signed_at_ms, is_list=len(drafts) > 1) for draft in drafts]
        ids = insert_intents(session, claim, intents, state_columns(tick), protects=protects)
        if ids is None:
            raise LeaseLostError(
                "The order was not sent: the lease is lost, or the bot was stopped or a kill switch set meanwhile."
            )
        tick.step(f"intent.{first.leg.value}.commit")
    tick.step(f"intent.{first.leg.value}.committed")
    clear_recorded(tick)
    return [LiveOrder.of(order_id, intent) for order_id, intent in zip(ids, intents, strict=True)]


def _intent(tick: Tick, draft: Draft, attempt: int, signed_at_ms: int, *, is_list: bool) -> Intent:
    bot, key = tick.claim.bot_config_id, draft.decision_key
    return Intent(
        decision_key=key,
        leg=draft.leg,
        attempt=attempt,
        client_order_id=client_order_id(bot, key, draft.leg, attempt),
        symbol=tick.parameters.symbol,
        market_type=tick.parameters.market_type,
        side=draft.side,
        type=draft.type,
        reason=TradeReason(draft.reason),
        quantity=draft.quantity,
        reduce_only=draft.reduce_only,
        signed_at_ms=signed_at_ms,
        price=draft.price,
        stop_price=draft.stop_price,
        list_client_order_id=client_order_id(bot, key, "list", attempt) if is_list else None,
    )


def _send(tick: Tick, orders: Sequence[LiveOrder]) -> list[Settlement]:
    account, first = tick.account, orders[0]
    if len(orders) > 1:
        listed = account.place_oco(_oco_request(*orders), first.signed_at_ms)
        found = {one.client_order_id: one for one in listed.orders}
        return [
            settlement_of(tick, order, found[order.client_order_id])
            if order.client_order_id in found
            else doubtful(tick, order, "the exchange's answer does not name it")
            for order in orders
        ]
    if first.type is OrderType.STOP_MARKET:
        assert first.stop_price is not None
        request = StopRequest(first.symbol, first.side, first.quantity, first.stop_price, first.client_order_id)
        return [settlement_of_stop(tick, first, account.place_stop(request, first.signed_at_ms))]
    order = OrderRequest(
        symbol=first.symbol,
        side=first.side,
        type=first.type,
        quantity=first.quantity,
        client_order_id=first.client_order_id,
        reduce_only=first.reduce_only,
        price=first.price,
        stop_price=first.stop_price,
    )
    return [settlement_of(tick, first, account.send_order(order, first.signed_at_ms))]


def _oco_request(stop: LiveOrder, take_profit: LiveOrder) -> OcoRequest:
    assert stop.list_client_order_id is not None
    assert stop.stop_price is not None
    assert take_profit.price is not None
    return OcoRequest(
        symbol=stop.symbol,
        side=stop.side,
        quantity=stop.quantity,
        list_client_order_id=stop.list_client_order_id,
        stop_price=stop.stop_price,
        stop_client_order_id=stop.client_order_id,
        take_profit_price=take_profit.price,
        take_profit_client_order_id=take_profit.client_order_id,
    )


def _rejected(orders: Sequence[LiveOrder], error: ExchangeError) -> list[Settlement]:
    """Nothing was executed."""
    return [Settlement(order, OrderStatus.REJECTED, last_error=error.message) for order in orders]


def _look_at_once(tick: Tick, order: LiveOrder, error: ExchangeError) -> Settlement:
    """An answer that was lost, or a duplicate id: what is there is adopted at once. What is not there may yet come."""
    if tick.remaining_ms() < MIN_REMAINING_MS:
        return doubtful(tick, order, error.message)
    try:
        return find(tick, order)
    except (OrderAbsentError, ExchangeError):
        return doubtful(tick, order, error.message)
