"""Ratios over daily returns, for a market that never closes. Each is None where the sample cannot carry it.

They equal `empyrical-reloaded` 0.7 with `annualization=365` on the same series, its NaN and infinity being None here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from tradebot.engine.statistics.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS_PER_YEAR: Final = 365
#: Fewer daily returns have no deviation, and a part of one day says nothing about a year.
LEAST_DAYS: Final = 2


def sharpe_ratio(daily_returns: Sequence[float]) -> float | None:
    """Return mean / sample deviation x sqrt(365), without a risk-free rate.

    Sharpe, "The Sharpe Ratio", Journal of Portfolio Management 21 (1994), with the deviation of n - 1.
    """
    count = len(daily_returns)
    if count < LEAST_DAYS or min(daily_returns) == max(daily_returns):
        return None
    mean = math.fsum(daily_returns) / count
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in daily_returns) / (count - 1))
    return rounded(mean / deviation * math.sqrt(DAYS_PER_YEAR)) if deviation else None


def sortino_ratio(daily_returns: Sequence[float]) -> float | None:
    """Return the annual mean over the annual downside deviation, which counts every day, gains as 0.

    Rollinger and Hoffman, "Sortino: A 'Sharper' Ratio" (2013), with a target of 0.
    """
    count = len(daily_returns)
    if count < LEAST_DAYS:
        return None
    downside = math.sqrt(math.fsum(min(value, 0.0) ** 2 for value in daily_returns) / count)
    if not downside:
        return None
    return rounded(math.fsum(daily_returns) / count * math.sqrt(DAYS_PER_YEAR) / downside)


def compound_annual_growth_rate(growth: float, days: int) -> float | None:
    """Return growth^(365 / days) - 1, where `growth` is final / initial capital; a total loss is -1."""
    if days < LEAST_DAYS or growth < 0:
        return None
    try:
        # expm1 and log keep the digits of a growth near 1, which a power minus 1 would lose.
        return rounded(math.expm1(math.log(growth) * DAYS_PER_YEAR / days)) if growth else -1.0
    except OverflowError:
        return None


def calmar_ratio(annual_growth_rate: float | None, max_drawdown: float | None) -> float | None:
    """Return CAGR / deepest drawdown, both as positive fractions for a gain and a fall.

    Young, "Calmar Ratio: A Smoother Tool", Futures 20 (1991), over the whole period instead of three years.
    """
    if annual_growth_rate is None or not max_drawdown:
        return None
    return rounded(annual_growth_rate / max_drawdown)
