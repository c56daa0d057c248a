"""The engine's surface for one tick of one bot. No I/O and no clock: the caller brings both times.

memory = warm_up(start_memory(parameters, balance), parameters, candles)   # once, at the start
decision = observe(memory, parameters, rules, new_candles, events=..., resting=..., price_now=..., tick_at=..., ...)
... send decision.exit, then apply_exit with its fills; then, flat, size_entry, send, apply_entry
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradebot.domain.market import BotStatus
from tradebot.domain.order import ExitReason
from tradebot.domain.order_id import decision_key
from tradebot.engine.candle_step import close_candle, feed_indicators, roll_day, with_exit
from tradebot.engine.decision import Decision, EntryDecision, ExitDecision
from tradebot.engine.ledger import (
    apply_entry,
    apply_exit,
    apply_funding,
    equity,
    exit_quantity,
    keep_as_dust,
    third_assets,
    unrealized_pnl,
)
from tradebot.engine.memory import BotMemory, PendingEntry, PendingExit, start_memory
from tradebot.engine.notes import Note, NoteCode
from tradebot.engine.sizing import EntrySize, size_entry
from tradebot.errors import ConflictError, InvalidInputError
from tradebot.strategy.registry import get_strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.position import Position
    from tradebot.domain.symbol import SymbolRules
    from tradebot.domain.timeframe import Timeframe
    from tradebot.engine.parameters import Parameters

__all__ = [
    "BotMemory",
    "Decision",
    "EntryDecision",
    "EntrySize",
    "Event",
    "ExitDecision",
    "Note",
    "NoteCode",
    "Resting",
    "apply_entry",
    "apply_exit",
    "apply_funding",
    "decide_entry",
    "decide_exit",
    "drop_entry",
    "equity",
    "exit_quantity",
    "keep_as_dust",
    "observe",
    "request_exit",
    "restart_memory",
    "signal_is_fresh",
    "size_entry",
    "start_memory",
    "status",
    "third_assets",
    "unrealized_pnl",
    "warm_up",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at the exchange by itself: a level that filled, a settlement of funding."""

    at: datetime
    book: Callable[[BotMemory], BotMemory]


@dataclass(frozen=True, slots=True)
class Resting:
    """The levels that rest at the exchange for the position: there they act by themselves, here they do not."""

    stop_price: Decimal | None = None
    take_profit_price: Decimal | None = None

    def covers(self, position: Position, reason: ExitReason) -> bool:
        """Whether the exchange acts on this level."""
        if reason is ExitReason.TAKE_PROFIT:
            return self.take_profit_price == position.take_profit_price
        return self.stop_price == position.stop[0]


NOTHING_RESTS = Resting()


def restart_memory(memory: BotMemory, parameters: Parameters) -> BotMemory:
    """Return what a stopped bot takes into its next start.

    Kept are the money, the position and the day's counters; the indicators are to be warmed up afresh, and nothing
    that was pending is acted on.
    """
    if memory.position is not None and memory.position.is_owned is parameters.is_futures:
        raise ConflictError("the bot holds a position of its former market; close it first")
    return replace(
        memory,
        strategy=parameters.strategy,
        indicators=get_strategy(parameters.strategy).start(parameters.indicators),
        last_open_at=None,
        last_close_at=None,
        last_close=None,
        pending_exit=None,
        pending_entry=None,
    )


def warm_up(memory: BotMemory, parameters: Parameters, candles: Sequence[Candle]) -> BotMemory:
    """Feed `parameters.warm_up_candles` closed candles before the start; no signal of theirs trades."""
    for candle in _unseen(memory, candles):
        memory, _ = feed_indicators(memory, parameters, candle)
    return memory


def signal_is_fresh(timeframe: Timeframe, close_at: datetime, market_now: datetime) -> bool:
    """Whether a signal given at `close_at` may still open a position: it is not older than half its timeframe."""
    length = timeframe.close_of(timeframe.floor(close_at)) - timeframe.floor(close_at)
    return 2 * (market_now - close_at) <= length


def observe(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    candles: Sequence[Candle],
    *,
    price_now: Decimal | None,
    tick_at: datetime,
    market_now: datetime,
    events: Sequence[Event] = (),
    resting: Resting = NOTHING_RESTS,
) -> Decision:
    """Take the candles that have closed since the last tick (known ones are skipped) and decide.

    `events` of the exchange go in between, each before the close of the candle in which it happened. `price_now` is
    the last price, None where it is not known; `tick_at` names the tick and its UTC day, `market_now` says how late we
    are. Raise InvalidInputError for a candle that is not closed or out of order.
    """
    notes: list[Note] = []
    waiting = sorted(events, key=lambda event: event.at)
    for candle in _unseen(memory, candles):
        close_at = parameters.timeframe.close_of(candle.open_time)
        if close_at > max(tick_at, market_now):
            raise InvalidInputError(f"the candle of {candle.open_time} has not closed at {market_now}")
        while waiting and waiting[0].at < close_at:
            event = waiting.pop(0)
            memory = event.book(roll_day(memory, rules, min(event.at, candle.open_time).date()))
        memory, said = close_candle(
            memory,
            parameters,
            rules,
            candle,
            is_protected=resting.stop_price is not None,
            is_take_profit_resting=resting.take_profit_price is not None,
        )
        notes += said
    for event in waiting:
        memory = event.book(roll_day(memory, rules, event.at.date()))
    memory = roll_day(memory, rules, tick_at.date())
    if memory.position is not None:
        memory = _test_price(memory, memory.position, price_now, tick_at, resting)
    exit_decision = decide_exit(memory, parameters, rules)
    memory, entry, said = decide_entry(memory, parameters, market_now)
    notes += said
    return Decision(memory, exit_decision, entry, status(memory, parameters), tuple(notes))


def status(memory: BotMemory, parameters: Parameters) -> BotStatus:
    """Return RUNNING, or the pause that the day's limits impose on entries."""
    if memory.day_latch is ExitReason.DAILY_LOSS:
        return BotStatus.PAUSED_DAILY_LOSS
    if memory.day_latch is ExitReason.DAILY_TARGET:
        return BotStatus.PAUSED_DAILY_TARGET
    if parameters.max_daily_trades is not None and memory.trades_today >= parameters.max_daily_trades:
        return BotStatus.PAUSED_MAX_TRADES
    return BotStatus.RUNNING


def request_exit(memory: BotMemory, reason: ExitReason, at: datetime, price: Decimal) -> BotMemory:
    """Ask for the position to be left (`manual`, or a stop that cannot rest); nothing changes for a flat bot."""
    if memory.position is None:
        return memory
    return with_exit(memory, PendingExit(reason, memory.last_close_at or at, memory.last_close or price))


def drop_entry(memory: BotMemory) -> BotMemory:
    """Forget the pending entry: it was refused, or there was too little for it."""
    return replace(memory, pending_entry=None)


def _unseen(memory: BotMemory, candles: Sequence[Candle]) -> list[Candle]:
    """Return the candles after the last one fed, which have to be in order and without repetition."""
    last = memory.last_open_at
    unseen = [candle for candle in candles if last is None or candle.open_time > last]
    for before, after in itertools.pairwise(unseen):
        if after.open_time <= before.open_time:
            raise InvalidInputError(f"the candle of {after.open_time} comes after that of {before.open_time}")
    return unseen


def _test_price(
    memory: BotMemory, position: Position, price_now: Decimal | None, tick_at: datetime, resting: Resting
) -> BotMemory:
    """Leave where the price now has passed a level that does not rest at the exchange, where it would be refused."""
    reason = None if price_now is None else position.level_reached(price_now)
    if reason is None or price_now is None or resting.covers(position, reason):
        return memory
    # A position that no candle has closed on yet may end by the candle that opened it.
    close_at = memory.last_close_at or tick_at
    return with_exit(memory, PendingExit(reason, close_at, memory.last_close or price_now))


def decide_exit(memory: BotMemory, parameters: Parameters, rules: SymbolRules) -> ExitDecision | None:
    """Return the pending exit as a decision; None for a flat bot and where none is pending."""
    position, pending = memory.position, memory.pending_exit
    if position is None or pending is None:
        return None
    # One candle can end one position and open the next, which may end before another candle closes: two decisions.
    again = "_again" if pending.close_at <= position.entry_close_at else ""
    return ExitDecision(
        decision_key=decision_key(parameters.strategy, pending.close_at, f"exit_{position.side.lower()}{again}"),
        side=position.side.exit_side,
        quantity=exit_quantity(position, rules),
        reason=pending.reason,
        reduce_only=parameters.is_futures,
        close_at=pending.close_at,
        close=pending.close,
    )


def decide_entry(
    memory: BotMemory, parameters: Parameters, market_now: datetime
) -> tuple[BotMemory, EntryDecision | None, tuple[Note, ...]]:
    """Return the pending entry as a decision, or drop it with the reason, at the time when it would be carried out."""
    pending = memory.pending_entry
    if pending is None:
        return memory, None, ()
    refusal = _entry_refusal(memory, parameters, pending, market_now)
    if refusal is not None:
        return drop_entry(memory), None, (refusal,)
    entry = EntryDecision(
        decision_key=decision_key(parameters.strategy, pending.close_at, f"enter_{pending.side.lower()}"),
        side=pending.side.entry_side,
        position_side=pending.side,
        close_at=pending.close_at,
        close=pending.close,
    )
    return memory, entry, ()


def _entry_refusal(
    memory: BotMemory, parameters: Parameters, pending: PendingEntry, market_now: datetime
) -> Note | None:
    if not signal_is_fresh(parameters.timeframe, pending.close_at, market_now):
        return Note(NoteCode.STALE_SIGNAL, f"No entry: the signal of {pending.close_at} is too old at {market_now}.")
    paused = status(memory, parameters)
    if paused is not BotStatus.RUNNING:
        return Note(NoteCode(paused.value), f"No entry: {_PAUSES[paused]}.")
    return None


_PAUSES = {
    BotStatus.PAUSED_DAILY_LOSS: "the day's loss limit is reached",
    BotStatus.PAUSED_DAILY_TARGET: "the day's target is reached",
    BotStatus.PAUSED_MAX_TRADES: "the day's number of trades is reached",
}
