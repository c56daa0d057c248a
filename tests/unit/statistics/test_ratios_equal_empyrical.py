"""Every ratio against `empyrical-reloaded` on the same series, and None where that says NaN or infinity."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.statistics.equity import EquityCurve
from tradebot.engine.statistics.ratios import (
    calmar_ratio,
    compound_annual_growth_rate,
    sharpe_ratio,
    sortino_ratio,
)
from tradebot.engine.statistics.rounding import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY_MS = 86_400_000
MINUTE_MS = 60_000
DATA = Path(os.environ.get("TRADEBOT_DATA", Path(__file__).parents[4] / "shared" / "data"))
REAL = DATA / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"
#: Equity at the closes of consecutive days, in integer units.
CURVES = st.lists(st.integers(900_000, 1_100_000), min_size=2, max_size=60)


def as_empyrical(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def returns_of(curve: Sequence[int]) -> np.ndarray:
    values = np.asarray(curve, dtype=np.float64)
    return values[1:] / values[:-1] - 1


def same(ours: float | None, theirs: float, *, scale: float = 0.0) -> None:
    """Ten digits of ours against theirs; `scale` is what their own rounding is measured by."""
    expected = as_empyrical(theirs)
    if expected is None:
        assert ours is None
    else:
        assert ours == pytest.approx(expected, rel=1e-9, abs=scale * 1e-12)


def curve_of(values: Sequence[int], step_ms: int = DAY_MS) -> EquityCurve:
    """The first value is the capital before the first candle."""
    curve = EquityCurve(Timeframe.D1 if step_ms == DAY_MS else Timeframe.M1, values[0])
    curve.add([number * step_ms for number in range(len(values) - 1)], values[1:])
    return curve


def check_all(values: Sequence[int]) -> None:
    returns, curve = returns_of(values), curve_of(values)
    ours = curve.daily_returns()
    assert ours is not None
    assert ours == pytest.approx(list(returns), rel=1e-9, abs=1e-12)
    same(sharpe_ratio(ours), empyrical.sharpe_ratio(returns, annualization=365), scale=1e4)
    same(sortino_ratio(ours), empyrical.sortino_ratio(returns, annualization=365), scale=1e4)
    deepest, _ = curve.drawdowns()
    depth = None if deepest is None else ratio(deepest.peak - deepest.trough, deepest.peak)
    assert -(depth or 0.0) == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9, abs=1e-12)
    cagr = compound_annual_growth_rate(values[-1] / values[0], curve.day_count)
    theirs = empyrical.cagr(returns, annualization=365)
    if len(returns) < 2:
        assert cagr is None
        return
    if math.isfinite(theirs) and theirs < 1e12:
        same(cagr, theirs, scale=1e3)
        same(calmar_ratio(cagr, depth), empyrical.calmar_ratio(returns, annualization=365), scale=1e6)


@pytest.mark.rule(38)
@given(CURVES)
def test_every_ratio_of_a_random_curve_equals_empyricals(values: list[int]) -> None:
    check_all(values)


def test_every_ratio_of_a_long_quiet_curve_equals_empyricals() -> None:
    random = np.random.default_rng(38)
    values = 10_000 * np.exp(np.cumsum(random.normal(3e-4, 0.02, 1_500)))
    check_all([round(value * 10**8) for value in values])


def real_closes() -> list[tuple[int, int]]:
    if not REAL.exists():
        pytest.skip(f"the real candles are not at {REAL}; TRADEBOT_DATA names their folder")
    with REAL.open(newline="") as file:
        return [
            (number * MINUTE_MS, round(float(row["close"]) * 100)) for number, row in enumerate(csv.DictReader(file))
        ]


def test_every_ratio_of_the_real_daily_closes_equals_empyricals() -> None:
    closes = real_closes()
    check_all([closes[0][1], *(close for at, close in closes if (at + MINUTE_MS) % DAY_MS == 0)])


def test_the_drawdown_of_the_real_minutes_equals_empyricals() -> None:
    values = [close for _, close in real_closes()]
    deepest, _ = curve_of(values, MINUTE_MS).drawdowns()
    assert deepest is not None
    depth = ratio(deepest.peak - deepest.trough, deepest.peak)
    assert depth == pytest.approx(-empyrical.max_drawdown(returns_of(values)), rel=1e-9)
    assert depth is not None
    assert depth > 0.1, "March 2023 fell by a fifth"


def test_daily_returns_come_from_minutes_as_from_the_daily_closes() -> None:
    closes = real_closes()
    values = [closes[0][1]] + [close for _, close in closes]
    daily = [closes[0][1], *(close for at, close in closes if (at + MINUTE_MS) % DAY_MS == 0)]
    assert curve_of(values, MINUTE_MS).daily_returns() == curve_of(daily).daily_returns()


@pytest.mark.rule(38)
@pytest.mark.parametrize("returns", [[], [0.01]])
def test_fewer_than_two_days_have_no_ratio(returns: list[float]) -> None:
    assert sharpe_ratio(returns) is None
    assert sortino_ratio(returns) is None
    assert compound_annual_growth_rate(1.01, len(returns)) is None


def test_returns_without_deviation_have_no_sharpe_ratio_though_their_mean_is_not_exact() -> None:
    assert sharpe_ratio([0.1] * 7) is None


def test_returns_without_a_loss_have_no_sortino_ratio() -> None:
    assert sortino_ratio([0.0, 0.01, 0.02]) is None


def test_a_curve_that_never_fell_has_no_calmar_ratio() -> None:
    assert calmar_ratio(0.5, None) is None
    assert calmar_ratio(0.5, 0.0) is None


def test_a_growth_beyond_a_floats_range_has_no_annual_rate() -> None:
    assert compound_annual_growth_rate(1e6, 2) is None


def test_a_total_loss_is_an_annual_rate_of_minus_one_and_less_than_nothing_has_none() -> None:
    assert compound_annual_growth_rate(0.0, 30) == -1.0
    assert compound_annual_growth_rate(-0.1, 30) is None
