"""Settlements into the memory, each fill once, and out of it what is recorded of them."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from tradebot.domain.message import MessageKind
from tradebot.domain.money import ZERO, canonical, exact
from tradebot.domain.order import Execution, ExitReason, Leg, Side
from tradebot.domain.order_id import decided_at
from tradebot.domain.position import PositionSide
from tradebot.engine import tick as engine
from tradebot.engine.candle_step import roll_day
from tradebot.engine.decision import EntryDecision
from tradebot.models import FindingKind, TradeReason
from tradebot.repositories.findings import Difference
from tradebot.repositories.outbox import Message
from tradebot.services.run_bot.context import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tradebot.engine.memory import BotMemory
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick
    from tradebot.services.run_bot.settle import Settlement

_ONE = Decimal(1)


def book_now(tick: Tick, settlement: Settlement) -> None:
    """Book what has just happened."""
    assert tick.memory is not None
    tick.remember(_book(tick, settlement, tick.memory))


def book_in_order(tick: Tick, settlement: Settlement) -> None:
    """Keep what happened since the last tick, so that it goes in between the candles at its time."""
    if settlement.fills:
        at = max(fill.executed_at for fill in settlement.fills)
        tick.events.append(engine.Event(at, partial(_book, tick, settlement)))
    else:
        tick.unrecorded.append(_outcome(settlement))


def book_events(tick: Tick) -> None:
    """Book all that waits, where no candle is taken in between."""
    for event in sorted(tick.events, key=lambda event: event.at):
        assert tick.memory is not None
        with tick.all_or_nothing():
            memory = event.book(roll_day(tick.memory, tick.rules, event.at.date()))
        tick.remember(memory)
        tick.events.remove(event)


def _book(tick: Tick, settlement: Settlement, memory: BotMemory) -> BotMemory:
    if not settlement.fills:
        tick.unrecorded.append(_outcome(settlement))
        return memory
    tick.has_executed = True
    order, prices = settlement.order, settlement.commission_prices
    execution = Execution.from_fills(settlement.fills)
    realized: Decimal | None = None
    if order.leg is Leg.ENTRY:
        memory = engine.apply_entry(
            memory,
            tick.parameters,
            tick.rules,
            entry_of(order),
            execution,
            commission_prices=prices,
            is_first=not order.executed_qty,
        )
    elif memory.position is None or execution.quantity > memory.position.quantity:
        # It is not dropped: the fill is recorded, and books and exchange have to be looked at by a person.
        realized = ZERO
        _alarm(tick, order, execution)
    else:
        is_working = not settlement.status.is_terminal
        memory, realized = engine.apply_exit(
            memory, tick.rules, execution, commission_prices=prices, is_working=is_working
        )
    if order.leg.is_protection or order.reason is TradeReason.LIQUIDATION:
        tick.outbox.append(_level_reached(tick, order, execution, realized))
    unrealized = engine.unrealized_pnl(memory, tick.rules, execution.average_price)
    commission = _commission(tick, execution, prices)
    tick.unrecorded.append(_outcome(settlement, execution, realized, unrealized, commission))
    return memory


def entry_of(order: LiveOrder) -> EntryDecision:
    """Return the decision that an entry on record was made for. Its key names the deciding candle's close."""
    return EntryDecision(
        decision_key=order.decision_key,
        side=order.side,
        position_side=PositionSide.LONG if order.side.value == "BUY" else PositionSide.SHORT,
        close_at=decided_at(order.decision_key),
        close=ZERO,  # its size is decided already
    )


def _outcome(
    settlement: Settlement,
    execution: Execution | None = None,
    realized: Decimal | None = None,
    unrealized: Decimal | None = None,
    commission: tuple[Decimal, str] | None = None,
) -> Outcome:
    return Outcome(
        settlement.order,
        settlement.status,
        settlement.venue_order_id,
        settlement.fills,
        execution,
        settlement.last_error,
        realized,
        unrealized,
        commission,
    )


def _alarm(tick: Tick, order: LiveOrder, execution: Execution) -> None:
    text = (
        f"The {order.leg.label} order {order.client_order_id} executed {canonical(execution.quantity)}, "
        "which is more than the bot held."
    )
    tick.differences = [*(tick.differences or ()), Difference(FindingKind.POSITION_DIFFERS, text)]
    tick.is_frozen = True
    tick.messages.append(text)


def _level_reached(tick: Tick, order: LiveOrder, execution: Execution, realized: Decimal | None) -> Message:
    """Tell of what has filled now: what fills in parts over several ticks is told in parts."""
    # What the exchange ordered by itself has no row yet.
    named, filled = order.id or order.client_order_id, canonical(order.executed(execution).executed_qty)
    return level_reached(
        tick,
        f"{order.leg.value}:{named}:{filled}",
        PositionSide.LONG if order.side is Side.SELL else PositionSide.SHORT,
        reason=order.reason.value,
        quantity=execution.quantity,
        price=execution.average_price,
        realized_pnl=realized,
        at=execution.executed_at,
    )


def level_reached(
    tick: Tick,
    event_key: str,
    side: PositionSide,
    *,
    reason: str,
    quantity: Decimal,
    price: Decimal,
    realized_pnl: Decimal | None,
    at: datetime,
    **more: Any,
) -> Message:
    """Return what the user is told of a position that a stop, a take profit or the exchange has ended."""
    payload = {
        "bot_config_id": tick.claim.bot_config_id,
        "bot": tick.claim.config.name,
        "symbol": tick.parameters.symbol,
        "position": side.value.lower() if tick.parameters.is_futures else "spot",
        "reason": reason,
        "quantity": canonical(quantity),
        "price": canonical(price),
        "realized_pnl": None if realized_pnl is None else canonical(realized_pnl),
        "quote_asset": tick.rules.quote_asset,
        "at": at.isoformat(),
        **more,
    }
    is_profit = reason == ExitReason.TAKE_PROFIT
    return Message(MessageKind.TAKE_PROFIT_FILLED if is_profit else MessageKind.STOP_FIRED, event_key, payload)


def _commission(tick: Tick, execution: Execution, prices: Mapping[str, Decimal]) -> tuple[Decimal, str]:
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
