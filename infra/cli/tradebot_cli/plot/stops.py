"""Where the stop of each position stood, from the same rules that the engine tests it by."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradebot.domain.order import Leg
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import stop_price

if TYPE_CHECKING:
    from tradebot.engine.backtest import BacktestTrade
    from tradebot_cli.simulation import Result


@dataclass(frozen=True, slots=True)
class StopLine:
    """The effective stop from entry to exit: it holds a level from each time on, until the last time."""

    at_ms: list[int]
    level: list[float]


def stop_lines(result: Result) -> list[StopLine]:
    """Return a line for each position, the open one included."""
    lines = []
    entry: BacktestTrade | None = None
    for trade in result.output.trades:
        if trade.leg is Leg.ENTRY:
            entry = trade
        elif entry is not None:
            lines.append(_line(result, entry, trade.at_ms))
            entry = None
    if entry is not None:
        lines.append(_line(result, entry, result.candles.close_time_ms(len(result.candles) - 1)))
    return lines


def _line(result: Result, entry: BacktestTrade, until_ms: int) -> StopLine:
    """Walk the candles held: the stop loss stands, the trailing stop follows the extreme of the candles before."""
    parameters, rules, candles = result.setup.parameters, result.setup.rules, result.candles
    is_long = entry.position_side is PositionSide.LONG
    fixed = stop_price(entry.position_side, entry.price, parameters.stop_loss_ppm, rules)
    times, levels = list[int](), list[float]()

    def tighten(at_ms: int, extreme: Decimal) -> None:
        level = fixed
        if parameters.trailing_stop_ppm is not None:
            trailing = stop_price(entry.position_side, extreme, parameters.trailing_stop_ppm, rules)
            level = max(fixed, trailing) if is_long else min(fixed, trailing)
        if not levels or float(level) != levels[-1]:
            times.append(at_ms)
            levels.append(float(level))

    extreme = entry.price
    tighten(entry.at_ms, extreme)
    number = bisect_left(candles.open_time_ms, entry.candle_ms)
    column = candles.high if is_long else candles.low
    while parameters.trailing_stop_ppm is not None and number < len(candles):
        close_ms = candles.close_time_ms(number)
        if close_ms > until_ms:
            break
        reached = Decimal(column[number]).scaleb(-candles.price_decimals)
        if reached > extreme if is_long else reached < extreme:
            extreme = reached
            tighten(close_ms, extreme)
        number += 1
    return StopLine([*times, until_ms], [*levels, levels[-1]])
