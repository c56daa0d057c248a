"""Where the stop of each position stood, from the same rules that the engine tests it by."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from tradebot.domain.order import Leg
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import stop_price

if TYPE_CHECKING:
    from tradebot.engine.backtest_output import BacktestTrade, TradeColumns
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.candles import CandleArray


@dataclass(frozen=True, slots=True)
class StopLine:
    """The effective stop from entry to exit: it holds a level from each time on, until the last time."""

    at_ms: list[int]
    level: list[float]


@dataclass(slots=True)
class _Held:
    """One position: the stop loss stands, the trailing stop follows the extreme of the candles before."""

    setup: BacktestSetup
    entry: BacktestTrade
    #: None while it is open.
    until_ms: int | None
    extreme: Decimal = field(init=False)
    times: list[int] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.extreme = self.entry.price
        self._tighten(self.entry.at_ms)

    @property
    def is_long(self) -> bool:
        return self.entry.position_side is PositionSide.LONG

    def _tighten(self, at_ms: int) -> None:
        parameters, rules, side = self.setup.parameters, self.setup.rules, self.entry.position_side
        level = stop_price(side, self.entry.price, parameters.stop_loss_ppm, rules)
        if parameters.trailing_stop_ppm is not None:
            trailing = stop_price(side, self.extreme, parameters.trailing_stop_ppm, rules)
            level = max(level, trailing) if self.is_long else min(level, trailing)
        if not self.levels or float(level) != self.levels[-1]:
            self.times.append(at_ms)
            self.levels.append(float(level))

    def walk(self, candles: CandleArray) -> bool:
        """Follow the candles held among these; tell whether the next ones are held as well."""
        column = candles.high if self.is_long else candles.low
        for number in range(bisect_left(candles.open_time_ms, self.entry.candle_ms), len(candles)):
            close_ms = candles.close_time_ms(number)
            if self.until_ms is not None and close_ms > self.until_ms:
                return False
            reached = Decimal(column[number]).scaleb(-candles.price_decimals)
            if reached > self.extreme if self.is_long else reached < self.extreme:
                self.extreme = reached
                self._tighten(close_ms)
        return True

    def line(self, end_ms: int) -> StopLine:
        return StopLine(
            [*self.times, end_ms if self.until_ms is None else self.until_ms], [*self.levels, self.levels[-1]]
        )


class StopLines:
    """A line for each position, the open one included, from candles that come part by part."""

    def __init__(self, setup: BacktestSetup, trades: TradeColumns) -> None:
        self._is_trailing = setup.parameters.trailing_stop_ppm is not None
        self._held = list[_Held]()
        self._begun = 0
        self._end_ms = 0
        entry: BacktestTrade | None = None
        for trade in trades:
            if trade.leg is Leg.ENTRY:
                entry = trade
            elif entry is not None:
                self._held.append(_Held(setup, entry, trade.at_ms))
                entry = None
        if entry is not None:
            self._held.append(_Held(setup, entry, None))

    def add(self, candles: CandleArray) -> None:
        """Take the next candles."""
        if not len(candles):
            return
        self._end_ms = candles.close_time_ms(len(candles) - 1)
        while self._is_trailing and self._begun < len(self._held):
            held = self._held[self._begun]
            if held.entry.candle_ms > candles.open_time_ms[-1] or held.walk(candles):
                return
            self._begun += 1

    def lines(self) -> list[StopLine]:
        """Return the lines, once every candle was taken."""
        return [held.line(self._end_ms) for held in self._held]
