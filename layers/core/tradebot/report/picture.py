"""What is drawn, apart from how: series thinned to what a screen can show, and every execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tradebot.engine.backtest_output import REASONS
from tradebot.report.stops import StopLine, StopLines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tradebot.engine.backtest_output import BacktestOutput, TradeColumns
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.candles import CandleArray

#: Points across a picture; more would share a pixel.
COLUMNS: Final = 1_000
#: Stops are drawn where a person can still tell them apart.
MOST_STOP_LINES: Final = 400


@dataclass(frozen=True, slots=True)
class Band:
    """A series over time in few points: what it ended at in each, and what it reached."""

    at_ms: list[int] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)

    def append(self, at_ms: int, low: float, high: float, last: float) -> None:
        """Add the next point."""
        self.at_ms.append(at_ms)
        self.low.append(low)
        self.high.append(high)
        self.last.append(last)


@dataclass(frozen=True, slots=True)
class Mark:
    """One execution."""

    at_ms: int
    price: float
    is_entry: bool
    is_long: bool
    reason: str
    #: In quote; None on an entry.
    realized_pnl: float | None


@dataclass(frozen=True, slots=True)
class Picture:
    """Prices and money in quote, the drawdown as a fraction at or below 0."""

    price: Band
    equity: Band
    drawdown: Band
    #: What the initial capital would be if it had bought at the first open.
    buy_and_hold: list[float]
    marks: list[Mark]
    #: Empty where there are too many round trips to see them.
    stops: list[StopLine]


def picture_of(setup: BacktestSetup, output: BacktestOutput, candles: Iterable[CandleArray]) -> Picture:
    """Return what is drawn of a run. The candles are those that could trade, in parts, of which one is held at a time.

    No extreme of a series is lost in its points, and how the candles are cut changes nothing.
    """
    thinning = _Thinning(_edges(len(output.equity)))
    has_few = output.trades.leg.count(1) <= MOST_STOP_LINES
    stops = StopLines(setup, output.trades) if has_few else None
    first_open: float | None = None
    for part in candles:
        unit = 10.0**part.price_decimals
        if first_open is None and len(part):
            first_open = part.open[0] / unit
        thinning.add(part)
        if stops is not None:
            stops.add(part)
    price, capital = thinning.band, float(setup.initial_capital)
    equity, drawdown = _curves(setup, output, price.at_ms)
    return Picture(
        price=price,
        equity=equity,
        drawdown=drawdown,
        buy_and_hold=[capital * close / (first_open or 1.0) for close in price.last],
        marks=_marks(output.trades),
        stops=[] if stops is None else stops.lines(),
    )


def _edges(count: int) -> list[int]:
    """Return where each point begins, and the end."""
    columns = min(COLUMNS, count)
    return [number * count // columns for number in range(columns + 1)] if columns else [0]


class _Thinning:
    """Prices of candles that come part by part, thinned to one point between two edges."""

    def __init__(self, edges: list[int]) -> None:
        self.band = Band()
        self._edges = edges
        self._column = 0
        self._taken = 0
        self._low, self._high = float("inf"), 0.0

    def add(self, candles: CandleArray) -> None:
        unit, begin = 10.0**candles.price_decimals, 0
        while begin < len(candles):
            wanted = self._edges[self._column + 1] - self._taken
            stop = min(len(candles), begin + wanted)
            self._low = min(self._low, min(candles.low[begin:stop]) / unit)
            self._high = max(self._high, max(candles.high[begin:stop]) / unit)
            self._taken += stop - begin
            if self._taken == self._edges[self._column + 1]:
                last = candles.close[stop - 1] / unit
                self.band.append(candles.close_time_ms(stop - 1), self._low, self._high, last)
                self._low, self._high = float("inf"), 0.0
                self._column += 1
            begin = stop


def _curves(setup: BacktestSetup, output: BacktestOutput, at_ms: Sequence[int]) -> tuple[Band, Band]:
    """Return the equity and how far it stands below its peak, whose first is the initial capital."""
    equity, drawdown, unit = Band(), Band(), 10.0**setup.units.money_decimals
    peak = setup.units.money_units(setup.initial_capital)
    for at, (begin, stop) in zip(at_ms, pairwise(_edges(len(output.equity))), strict=True):
        values = output.equity[begin:stop]
        low, high, last = min(values), max(values), values[-1]
        equity.append(at, low / unit, high / unit, last / unit)
        least, most = 0.0, -1.0
        if high <= peak:
            least, most = low / peak - 1, high / peak - 1
        else:
            for value in values:
                peak = max(peak, value)
                fall = value / peak - 1
                least, most = min(least, fall), max(most, fall)
        drawdown.append(at, least, most, last / peak - 1)
    return equity, drawdown


def _marks(trades: TradeColumns) -> list[Mark]:
    columns = (trades.at_ms, trades.leg, trades.position_side, trades.reason, trades.price, trades.realized_pnl)
    prices, money = 10**trades.units.price_decimals, 10**trades.units.money_decimals
    reasons = [str(reason) for reason in REASONS]
    # A quotient of integers is the float nearest to it, as that of a Decimal is.
    return [
        Mark(
            at_ms=at_ms,
            price=price / prices,
            is_entry=leg == 0,
            is_long=sign > 0,
            reason=reasons[reason],
            realized_pnl=None if leg == 0 else gain / money,
        )
        for at_ms, leg, sign, reason, price, gain in zip(*columns, strict=True)
    ]
