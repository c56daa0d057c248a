"""What is drawn, apart from how: series thinned to what a screen can show, and every execution."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tradebot.domain.order import Leg
from tradebot.domain.position import PositionSide
from tradebot_cli.plot.stops import StopLine, stop_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot_cli.simulation import Result

#: Points across a picture; more would share a pixel.
COLUMNS: Final = 1_000
#: Stops are drawn where a person can still tell them apart.
MOST_STOP_LINES: Final = 400


@dataclass(frozen=True, slots=True)
class Band:
    """A series over time in few points: what it ended at in each, and what it reached."""

    at_ms: list[int]
    low: list[float]
    high: list[float]
    last: list[float]


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


def picture_of(result: Result) -> Picture:
    """Return what is drawn of a run: the candles that could trade."""
    candles, output = result.candles, result.output
    price_unit, money_unit = 10.0**candles.price_decimals, 10.0**result.setup.units.money_decimals
    skip = output.warm_up
    times = [candles.close_time_ms(number) for number in range(skip, len(candles))]
    closes = [value / price_unit for value in candles.close[skip:]]
    equity = [value / money_unit for value in output.equity]
    lows = [value / price_unit for value in candles.low[skip:]]
    highs = [value / price_unit for value in candles.high[skip:]]
    price = band(times, lows, highs, closes)
    capital, first_open = float(result.report.initial_capital), candles.open[skip] / price_unit
    falls = _drawdowns(equity, capital)
    has_few = result.report.total_trades <= MOST_STOP_LINES
    return Picture(
        price=price,
        equity=band(times, equity, equity, equity),
        drawdown=band(times, falls, falls, falls),
        buy_and_hold=[capital * close / first_open for close in price.last],
        marks=_marks(result),
        stops=stop_lines(result) if has_few else [],
    )


def band(
    at_ms: Sequence[int], lows: Sequence[float], highs: Sequence[float], lasts: Sequence[float], columns: int = COLUMNS
) -> Band:
    """Return a series of at most `columns` points, none of whose extremes is lost."""
    count = len(at_ms)
    edges = [number * count // min(columns, count) for number in range(min(columns, count) + 1)]
    made = Band([], [], [], [])
    for start, stop in pairwise(edges):
        made.at_ms.append(at_ms[stop - 1])
        made.low.append(min(lows[start:stop]))
        made.high.append(max(highs[start:stop]))
        made.last.append(lasts[stop - 1])
    return made


def _drawdowns(equity: Sequence[float], capital: float) -> list[float]:
    peak, falls = capital, []
    for value in equity:
        peak = max(peak, value)
        falls.append(value / peak - 1)
    return falls


def _marks(result: Result) -> list[Mark]:
    return [
        Mark(
            at_ms=trade.at_ms,
            price=float(trade.price),
            is_entry=trade.leg is Leg.ENTRY,
            is_long=trade.position_side is PositionSide.LONG,
            reason=trade.reason,
            realized_pnl=None if trade.realized_pnl is None else float(trade.realized_pnl),
        )
        for trade in result.output.trades
    ]
