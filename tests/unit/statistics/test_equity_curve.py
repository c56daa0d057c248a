"""Days and drawdowns of an equity curve, against a naive reading of the same closes, in one part and in many."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.statistics.equity import Day, Drawdown, EquityCurve

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
INITIAL = 1_000
#: (candles left out before this one, equity at its close): hours with holes, and few values so that peaks repeat.
CLOSES = st.lists(st.tuples(st.sampled_from([0, 0, 0, 1, 30]), st.integers(990, 1_010)), min_size=1, max_size=120)


def timed(closes: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    at, times = 5 * HOUR_MS, []
    for hole, _ in closes:
        at += hole * HOUR_MS
        times.append(at)
        at += HOUR_MS
    return times, [value for _, value in closes]


def curve_of(times: list[int], values: list[int], cuts: tuple[int, ...] = ()) -> EquityCurve:
    curve = EquityCurve(Timeframe.H1, INITIAL)
    edges = [0, *sorted(cuts), len(values)]
    for start, stop in pairwise(edges):
        curve.add(times[start:stop], values[start:stop])
    return curve


def naive_drawdowns(times: list[int], values: list[int]) -> list[Drawdown]:
    """Walk every close; the start counts as a close of the initial capital at the first open."""
    points = [(times[0], INITIAL), *((at + HOUR_MS, value) for at, value in zip(times, values, strict=True))]
    found, peak_at, peak, low = list[Drawdown](), *points[0], points[0]
    for at, value in points[1:]:
        if value >= peak:
            if low[1] < peak:
                found.append(Drawdown(peak, low[1], peak_at, low[0], at))
            peak_at, peak, low = at, value, (at, value)
        elif value < low[1]:
            low = (at, value)
    if low[1] < peak:
        found.append(Drawdown(peak, low[1], peak_at, low[0], None))
    return found


@given(CLOSES)
def test_the_deepest_and_the_longest_drawdown_are_those_of_a_walk_over_every_close(
    closes: list[tuple[int, int]],
) -> None:
    times, values = timed(closes)
    deepest, longest = curve_of(times, values).drawdowns()
    expected = naive_drawdowns(times, values)
    if not expected:
        assert deepest is longest is None
        return
    end = times[-1] + HOUR_MS
    assert deepest == max(expected, key=lambda one: Fraction(one.peak - one.trough, one.peak))
    assert longest == max(expected, key=lambda one: one.duration_ms(end))


@settings(max_examples=150)
@given(CLOSES, st.data())
def test_a_curve_in_parts_equals_the_curve_in_one(closes: list[tuple[int, int]], data: st.DataObject) -> None:
    times, values = timed(closes)
    cuts = tuple(data.draw(st.lists(st.integers(0, len(values)), max_size=6)))
    assert curve_of(times, values, cuts) == curve_of(times, values)


@given(CLOSES)
def test_days_begin_at_the_last_close_before_them(closes: list[tuple[int, int]]) -> None:
    times, values = timed(closes)
    curve, base, expected = curve_of(times, values), INITIAL, list[Day]()
    for number in sorted({at // DAY_MS for at in times}):
        end = [value for at, value in zip(times, values, strict=True) if at // DAY_MS == number][-1]
        expected.append(Day(number, base, end))
        base = end
    assert curve.days == expected


@pytest.mark.rule(38)
def test_the_initial_capital_is_the_first_peak() -> None:
    deepest, longest = curve_of([0, HOUR_MS], [INITIAL - 100, INITIAL - 50]).drawdowns()
    assert deepest == longest == Drawdown(INITIAL, INITIAL - 100, 0, HOUR_MS, None)


def test_a_drawdown_lasts_from_the_last_close_at_the_peak_to_the_first_one_that_reaches_it() -> None:
    times = [hour * HOUR_MS for hour in range(6)]
    deepest, _ = curve_of(times, [1_100, 1_100, 1_050, 1_099, 1_100, 1_100]).drawdowns()
    assert deepest == Drawdown(1_100, 1_050, 2 * HOUR_MS, 3 * HOUR_MS, 5 * HOUR_MS)
    assert deepest.duration_ms(6 * HOUR_MS) == 3 * HOUR_MS


def test_a_drawdown_that_does_not_recover_lasts_to_the_end() -> None:
    deepest, longest = curve_of([0, HOUR_MS, 2 * HOUR_MS], [1_100, 900, 950]).drawdowns()
    assert deepest is not None
    assert deepest.recovered_at_ms is None
    assert deepest.duration_ms(3 * HOUR_MS) == 2 * HOUR_MS
    assert longest == deepest


def test_a_curve_that_never_falls_has_no_drawdown() -> None:
    assert curve_of([0, HOUR_MS], [INITIAL, INITIAL]).drawdowns() == (None, None)


def test_the_close_at_midnight_belongs_to_the_day_that_ends() -> None:
    curve = curve_of([23 * HOUR_MS, 24 * HOUR_MS], [1_010, 1_020])
    assert [(day.number, day.base, day.end) for day in curve.days] == [(0, 1_000, 1_010), (1, 1_010, 1_020)]
    assert curve.day_count == 2


def test_a_day_without_candles_returns_nothing() -> None:
    curve = curve_of([0, 3 * DAY_MS], [1_010, 1_111])
    assert curve.daily_returns() == [0.01, 0.0, 0.0, 0.1]


def test_a_weeks_candle_counts_as_seven_days() -> None:
    monday = 4 * DAY_MS
    curve = EquityCurve(Timeframe.W1, INITIAL)
    curve.add([monday, monday + 7 * DAY_MS], [1_100, 1_210])
    assert curve.day_count == 14
    assert curve.daily_returns() == [0.1, *[0.0] * 6, 0.1, *[0.0] * 6]


def test_a_months_candle_ends_with_its_month() -> None:
    curve = EquityCurve(Timeframe.MONTH, INITIAL)
    curve.add([0, 31 * DAY_MS], [1_100, 1_000])  # January and February 1970
    deepest, _ = curve.drawdowns()
    assert curve.day_count == 59
    assert deepest == Drawdown(1_100, 1_000, 31 * DAY_MS, 59 * DAY_MS, None)


@pytest.mark.parametrize("base", [0, -5])
def test_a_day_that_begins_with_nothing_has_no_return_and_neither_has_the_curve(base: int) -> None:
    curve = curve_of([0, DAY_MS], [base, 10])
    assert curve.daily_returns() is None
