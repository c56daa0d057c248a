"""How the results of the round trips are spread: counts between round amounts, zero being one of the bounds."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tradebot.report.result import Result

MOST_BINS: Final = 30
_ROUND: Final = (1, 2, 2.5, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Distribution:
    """`counts[i]` results lie in [bounds[i], bounds[i + 1]); what equals the last bound is in the last bin."""

    bounds: list[float]
    counts: list[int]


def distribution_of(result: Result) -> Distribution | None:
    """Return the spread of the realised results in quote; None without a round trip."""
    trades, unit = result.output.trades, 10.0**result.setup.units.money_decimals
    values = [realized / unit for leg, realized in zip(trades.leg, trades.realized_pnl, strict=True) if leg == 1]
    if not values:
        return None
    low, high = min(0.0, *values), max(0.0, *values)
    step = _round_step(low, high)
    first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), math.floor(low / step) + 1)
    bounds = [number * step for number in range(first, last + 1)]
    counts = [0] * (len(bounds) - 1)
    for value in values:
        counts[min(max(bisect_right(bounds, value) - 1, 0), len(counts) - 1)] += 1
    return Distribution(bounds, counts)


def _round_step(low: float, high: float) -> float:
    span = high - low
    if not span > 0:
        return 1.0
    exponent = math.floor(math.log10(span / MOST_BINS))
    for factor in _ROUND:
        step: float = factor * 10.0**exponent
        if math.ceil(high / step - 1e-9) - math.floor(low / step + 1e-9) <= MOST_BINS:
            return step
    return span
