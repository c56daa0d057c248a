"""One order: its intent recorded and committed, then sent once. No transaction is open while it is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.order import Leg, OrderRequest, OrderStatus, OrderType
from tradebot.domain.order_id import client_order_id
from tradebot.engine.tick import drop_entry
from tradebot.errors import (
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    LeaseLostError,
    OrderExistsError,
    OrderRejectedError,
)
from tradebot.models import TradeReason
from tradebot.repositories.orders import Intent, LiveOrder, count_attempts, insert_intent
from tradebot.services.run_bot.context import Outcome
from tradebot.services.run_bot.record import memory_columns, record_outcomes
from tradebot.services.run_bot.settle import doubtful, settled

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.engine.decision import EntryDecision, ExitDecision
    from tradebot.services.run_bot.context import Tick

#: Of the function's time: an order may take 10 s to answer, and what became of it has to be recorded.
MIN_REMAINING_MS = 12_000


def place_order(tick: Tick, decision: EntryDecision | ExitDecision, leg: Leg, quantity: Decimal) -> None:
    """Send a decision's order and put what became of it into `tick.unrecorded` and the memory.

    Raise LeaseLostError where it may not be sent any more: the lease is gone, or it is an entry and the
    user stopped the bot or a kill switch is on.
    """
    if tick.remaining_ms() < MIN_REMAINING_MS:
        tick.messages.append("Too little of the function's time was left to send an order; the next tick tries again.")
        return
    tick.account.synchronise_clock()
    try:
        outcome = _attempt(tick, decision, leg, quantity)
    except ExchangeClockError:
        # Not executed, for sure. One new attempt has an id, an intent and a timestamp of its own.
        tick.account.synchronise_clock(force=True)
        try:
            outcome = _attempt(tick, decision, leg, quantity)
        except ExchangeClockError:
            tick.messages.append("The exchange found our timestamp wrong twice; the order was not executed.")
            return
    if outcome is None:
        return
    tick.unrecorded.append(outcome)
    tick.actions.append(f"{leg.value}:{outcome.status.value}")


def _attempt(tick: Tick, decision: EntryDecision | ExitDecision, leg: Leg, quantity: Decimal) -> Outcome | None:
    recorded = _record_intent(tick, decision, leg, quantity)
    return None if recorded is None else _send(tick, recorded, quantity, reduce_only=decision.reduce_only)


def _record_intent(tick: Tick, decision: EntryDecision | ExitDecision, leg: Leg, quantity: Decimal) -> LiveOrder | None:
    """Commit the intent, together with what is unrecorded so far. None: the decision was executed already."""
    claim = tick.claim
    # Before the commit that proves the lease: a worker that freezes from here on is refused by the exchange.
    signed_at_ms = tick.account.wire_now_ms()
    with tick.open_session(claim.user_id) as session:
        record_outcomes(session, tick)
        attempts = count_attempts(session, claim, decision.decision_key, leg)
        if leg is Leg.ENTRY and attempts.executed_quantity > 0:
            return None
        attempt = attempts.count + 1
        intent = Intent(
            decision_key=decision.decision_key,
            leg=leg,
            attempt=attempt,
            client_order_id=client_order_id(claim.bot_config_id, decision.decision_key, leg, attempt),
            symbol=tick.parameters.symbol,
            market_type=tick.parameters.market_type,
            side=decision.side,
            type=OrderType.MARKET,
            reason=TradeReason(decision.reason),
            quantity=quantity,
            reduce_only=decision.reduce_only,
            signed_at_ms=signed_at_ms,
        )
        order_id = insert_intent(session, claim, intent, memory_columns(tick))
        if order_id is None:
            raise LeaseLostError(
                "The order was not sent: the lease is lost, or the bot was stopped or a kill switch set meanwhile."
            )
    tick.unrecorded.clear()
    return LiveOrder(
        id=order_id,
        decision_key=intent.decision_key,
        leg=leg,
        client_order_id=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        type=intent.type,
        reason=intent.reason,
        status=OrderStatus.SENDING,
        signed_at_ms=signed_at_ms,
    )


def _send(tick: Tick, order: LiveOrder, quantity: Decimal, *, reduce_only: bool) -> Outcome:
    request = OrderRequest(
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=quantity,
        client_order_id=order.client_order_id,
        reduce_only=reduce_only,
    )
    try:
        venue = tick.account.send_order(request, order.signed_at_ms)
    except ExchangeClockError as error:
        tick.unrecorded.append(Outcome(order, OrderStatus.REJECTED, last_error=error.message))
        raise
    except (OrderRejectedError, ExchangeAuthenticationError, ExchangeThrottledError) as error:
        return _refused(tick, order, error)
    except OrderExistsError as error:
        return _found(tick, order, error)
    except ExchangeError as error:
        return doubtful(tick, order, error.message)
    return settled(tick, order, venue)


def _refused(tick: Tick, order: LiveOrder, error: ExchangeError) -> Outcome:
    """Nothing was executed. A refused entry is forgotten; an exit stays pending and is tried again by the next tick."""
    if isinstance(error, OrderRejectedError):
        tick.messages.append(f"The {order.leg.value} order was not accepted: {error.message}")
        if order.leg is Leg.ENTRY and tick.memory is not None:
            tick.remember(drop_entry(tick.memory))
    else:
        tick.failure = error
    return Outcome(order, OrderStatus.REJECTED, last_error=error.message)


def _found(tick: Tick, order: LiveOrder, error: ExchangeError) -> Outcome:
    """A duplicate id means that the order is there."""
    try:
        return settled(tick, order, tick.account.find_order(order.symbol, order.client_order_id))
    except ExchangeUnavailableError:
        return doubtful(tick, order, error.message)
