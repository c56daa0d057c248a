"""One closed candle through a bot: day, levels, extreme, limits, strategy, and what is pending after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from tradebot.domain.money import ONE_MILLION, ZERO, exact
from tradebot.domain.order import ExitReason
from tradebot.domain.position import Position, PositionSide
from tradebot.engine.ledger import equity
from tradebot.engine.levels import with_extreme
from tradebot.engine.memory import BotMemory, PendingEntry, PendingExit
from tradebot.engine.notes import Note, NoteCode
from tradebot.strategy.interface import Signals
from tradebot.strategy.registry import get_strategy

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import date, datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.parameters import Parameters

#: Money in quote, or an integer of one money unit.
Amount = TypeVar("Amount", int, "Decimal")
#: A fill this much after the candle's open missed a part of its range, which then says nothing about the position.
LATE_FILL: Final = timedelta(seconds=60)


def feed_indicators(memory: BotMemory, parameters: Parameters, candle: Candle) -> tuple[BotMemory, Signals]:
    """Carry the indicators over one closed candle, without any effect on money or decisions."""
    strategy = get_strategy(parameters.strategy)
    # float(Decimal) is the correctly rounded quotient of the integers that the decimal is made of.
    indicators, signals = strategy.advance(memory.indicators, parameters.indicators, float(candle.close))
    fed = replace(
        memory,
        indicators=indicators,
        last_open_at=candle.open_time,
        last_close_at=parameters.timeframe.close_of(candle.open_time),
        last_close=candle.close,
    )
    return fed, signals


def roll_day(memory: BotMemory, rules: SymbolRules, day: date) -> BotMemory:
    """Begin a new UTC day: base = equity at the last close, counters zero. Days never run backwards."""
    if memory.day is not None and day <= memory.day:
        return memory
    return replace(
        memory,
        day=day,
        day_base_equity=equity(memory, rules, memory.last_close),
        daily_pnl=ZERO,
        trades_today=0,
        day_latch=None,
    )


def close_candle(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    candle: Candle,
    *,
    is_protected: bool = False,
    is_take_profit_resting: bool = False,
) -> tuple[BotMemory, tuple[Note, ...]]:
    """Take one closed candle, the next after the last one fed. An entry that was still pending expires.

    `is_protected`: a stop rested at the exchange, which has acted on the range; else what the range touched is left at
    the next open. `is_take_profit_resting`: what is left of a take profit that filled in part rests alone, as on spot,
    where the first part ends the stop; only the stop is tested then.
    """
    notes: list[Note] = []
    if memory.pending_entry is not None:
        notes.append(
            Note(NoteCode.MISSED_CANDLE, f"The entry signal of {memory.pending_entry.close_at} expired unused.")
        )
        memory = replace(memory, pending_entry=None)
    is_after_gap = memory.last_close_at is not None and candle.open_time > memory.last_close_at
    memory = roll_day(memory, rules, candle.open_time.date())
    if memory.position is not None:
        ignored = {*ExitReason} if is_protected else {ExitReason.TAKE_PROFIT} if is_take_profit_resting else set()
        memory = _take_range(memory, parameters, rules, memory.position, candle, ignored=ignored)
    was_leaving = memory.position is None or memory.pending_exit is not None
    memory, signals = feed_indicators(memory, parameters, candle)
    base = memory.day_base_equity
    memory = decide_at_close(
        memory,
        parameters,
        signals,
        level=None if memory.position is None else memory.position.level_reached(candle.close),
        limit=None if base is None else limit_reached(equity(memory, rules, candle.close), base, parameters),
        was_leaving=was_leaving,
    )
    if is_after_gap:
        memory, said = after_gap(memory)
        notes += said
    return memory, tuple(notes)


def decide_at_close(
    memory: BotMemory,
    parameters: Parameters,
    signals: Signals,
    *,
    level: ExitReason | None,
    limit: ExitReason | None,
    was_leaving: bool,
) -> BotMemory:
    """Decide what is pending after the close of `memory.last_close`, in a backtest as live.

    `level`: the close lies beyond it already, so the position leaves at the next open. `limit`: the day's limit that
    the equity at the close reaches; it is latched for the day. `was_leaving`: the bot was flat before this close, or
    on its way out.
    """
    close_at, close = _last_close(memory)
    if level is not None:
        memory = with_exit(memory, PendingExit(level, close_at, close))
    if memory.day_latch is None and limit is not None:
        memory = replace(memory, day_latch=limit)
    if memory.day_latch is not None and memory.position is not None:
        memory = with_exit(memory, PendingExit(memory.day_latch, close_at, close))
    return _hear(memory, parameters, signals, was_leaving=was_leaving)


def after_gap(memory: BotMemory) -> tuple[BotMemory, tuple[Note, ...]]:
    """Count a hole in the candles. The first candle after it may exit, not enter."""
    memory = replace(memory, gaps=memory.gaps + 1)
    if memory.pending_entry is None:
        return memory, ()
    note = Note(NoteCode.GAP, f"No entry: candles are missing before the one that closed at {memory.last_close_at}.")
    return replace(memory, pending_entry=None), (note,)


def _take_range(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    position: Position,
    candle: Candle,
    *,
    ignored: AbstractSet[ExitReason],
) -> BotMemory:
    """Test the levels as known before the candle unless they rested, then let the extreme take it."""
    trailing = parameters.trailing_stop_ppm
    if candle.open_time < position.opened_at - LATE_FILL:
        return replace(memory, position=with_extreme(position, candle.close, trailing, rules, candle.open_time))
    reason = _touched(position, candle, memory.last_open_at)
    favourable = candle.high if position.side is PositionSide.LONG else candle.low
    seen = with_extreme(position, favourable, trailing, rules, candle.open_time)
    memory = replace(memory, position=seen)
    if reason is None or reason in ignored:
        return memory
    return with_exit(memory, PendingExit(reason, parameters.timeframe.close_of(candle.open_time), candle.close))


def _touched(position: Position, candle: Candle, last_open_at: datetime | None) -> ExitReason | None:
    """Return which level the candle reached: at its open first, then in its range, where the stop comes first."""
    at_open = position.level_reached_at_open(candle.open, last_open_at)
    if at_open is not None:
        return at_open
    is_long = position.side is PositionSide.LONG
    against, favourable = (candle.low, candle.high) if is_long else (candle.high, candle.low)
    return position.level_reached(against) or position.level_reached(favourable)


def with_exit(memory: BotMemory, new: PendingExit) -> BotMemory:
    """Return the memory with an exit pending. One that is pending keeps its name; its reason may be outranked.

    A level that was reached outranks a limit, a limit a signal; equals do not replace each other.
    """
    old = memory.pending_exit
    if old is None:
        return replace(memory, pending_exit=new)
    if _rank(new.reason) <= _rank(old.reason):
        return memory
    return replace(memory, pending_exit=replace(old, reason=new.reason))


def _rank(reason: ExitReason) -> int:
    if reason.is_level:
        return 3
    if reason in {ExitReason.DAILY_LOSS, ExitReason.DAILY_TARGET}:
        return 2
    return 1 if reason is ExitReason.MANUAL else 0


def limit_reached(equity_now: Amount, base: Amount, parameters: Parameters) -> ExitReason | None:
    """Return the day's limit that the equity reaches, inclusively. Both amounts in quote, or both in one money unit."""
    loss, target = parameters.max_daily_loss_ppm, parameters.daily_target_ppm
    if loss is None and target is None:
        return None
    with exact():
        change = (equity_now - base) * ONE_MILLION
        if loss is not None and change <= -base * loss:
            return ExitReason.DAILY_LOSS
        if target is not None and change >= base * target:
            return ExitReason.DAILY_TARGET
    return None


def _hear(memory: BotMemory, parameters: Parameters, signals: Signals, *, was_leaving: bool) -> BotMemory:
    """Turn the close's signals into what is pending.

    A signal for the side that is held is ignored. A bot that is flat, or was leaving before this close, hears every
    entry; one that leaves at this close hears only the opposite side's, which makes it a reversal.
    """
    close_at, close = _last_close(memory)
    if not parameters.is_futures:
        signals = Signals(long_entry=signals.long_entry, long_exit=signals.long_exit)
    position = memory.position
    if position is not None:
        is_long = position.side is PositionSide.LONG
        if signals.long_exit if is_long else signals.short_exit:
            memory = with_exit(memory, PendingExit(ExitReason.EXIT_SIGNAL, close_at, close))
    side = PositionSide.LONG if signals.long_entry else PositionSide.SHORT if signals.short_entry else None
    if side is None:
        return memory
    reverses = position is not None and memory.pending_exit is not None and side is position.side.opposite
    if was_leaving or reverses:
        return replace(memory, pending_entry=PendingEntry(side, close_at, close))
    return memory


def _last_close(memory: BotMemory) -> tuple[datetime, Decimal]:
    assert memory.last_close_at is not None
    assert memory.last_close is not None
    return memory.last_close_at, memory.last_close
