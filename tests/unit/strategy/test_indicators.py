"""EMA and RSI: to the last bit against the rule's own recomputation, and to 1e-9 against exact fractions."""

from __future__ import annotations

import json
import math
import random
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.strategy.indicators import NAN, Ema, Rsi, crosses_above, crosses_below

CLOSES = st.lists(st.integers(1_000_00, 1_100_00).map(lambda cents: cents / 100), min_size=1, max_size=80)
PERIODS = st.integers(2, 20)


def ema_over(period: int, closes: list[float]) -> list[float | None]:
    state, values = Ema(period), list[float | None]()
    for close in closes:
        state = state.updated(close)
        values.append(state.value)
    return values


def rsi_over(period: int, closes: list[float]) -> list[float | None]:
    state, values = Rsi(period), list[float | None]()
    for close in closes:
        state = state.updated(close)
        values.append(state.value)
    return values


def naive_ema(period: int, closes: list[float]) -> float | None:
    """Recompute the last value from the first close."""
    if len(closes) < period:
        return None
    e = 0.0
    for x in closes[:period]:
        e = e + x
    e = e / period
    k = 2 / (period + 1)
    for x in closes[period:]:
        e = (x - e) * k + e
    return e


def naive_rsi(period: int, closes: list[float]) -> float | None:
    """Recompute the last value from the first close."""
    changes = [b - a for a, b in pairwise(closes)]
    if len(changes) < period:
        return None
    g = l = 0.0  # noqa: E741  the letters of the rule
    for change in changes[:period]:
        g += max(change, 0.0)
        l += max(-change, 0.0)  # noqa: E741  see above
    g, l = g / period, l / period  # noqa: E741  see above
    for change in changes[period:]:
        g = (g * (period - 1) + max(change, 0.0)) / period
        l = (l * (period - 1) + max(-change, 0.0)) / period  # noqa: E741  see above
    return 50.0 if g + l == 0 else 100 * (g / (g + l))


def exact_rsi(period: int, closes: list[float]) -> Fraction:
    changes = [Fraction(b) - Fraction(a) for a, b in pairwise(closes)]
    rises, falls = [max(c, Fraction(0)) for c in changes], [max(-c, Fraction(0)) for c in changes]

    def wilder(values: list[Fraction]) -> Fraction:
        average = sum(values[:period], Fraction(0)) / period
        for value in values[period:]:
            average = average + (value - average) / period
        return average

    g, f = wilder(rises), wilder(falls)
    return Fraction(50) if g + f == 0 else 100 * g / (g + f)


@pytest.mark.rule(6)
@given(PERIODS, CLOSES)
@settings(max_examples=100, deadline=None)
def test_ema_carried_equals_ema_recomputed_to_the_last_bit(period: int, closes: list[float]) -> None:
    assert ema_over(period, closes) == [naive_ema(period, closes[: i + 1]) for i in range(len(closes))]


@pytest.mark.rule(6)
@given(PERIODS, CLOSES)
@settings(max_examples=100, deadline=None)
def test_rsi_carried_equals_rsi_recomputed_to_the_last_bit(period: int, closes: list[float]) -> None:
    assert rsi_over(period, closes) == [naive_rsi(period, closes[: i + 1]) for i in range(len(closes))]


def test_a_long_walk_keeps_every_bit() -> None:
    chance, closes = random.Random(3), [20_000.0]
    for _ in range(1_500):
        closes.append(round(closes[-1] + chance.gauss(0, 9), 2))
    for length in (20, 500, 1_000, 1_501):
        assert ema_over(9, closes[:length])[-1] == naive_ema(9, closes[:length])
        assert rsi_over(14, closes[:length])[-1] == naive_rsi(14, closes[:length])


@given(PERIODS, CLOSES)
@settings(max_examples=50, deadline=None)
def test_rsi_is_within_a_billionth_of_exact_arithmetic(period: int, closes: list[float]) -> None:
    value = rsi_over(period, closes)[-1]
    if value is not None:
        assert math.isclose(value, exact_rsi(period, closes), rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.rule(5)
def test_ema_starts_at_the_mean_of_the_first_closes() -> None:
    assert ema_over(3, [1.0, 2.0, 6.0, 7.0]) == [None, None, 3.0, 5.0]


def test_rsi_agrees_with_the_published_example() -> None:
    # StockCharts' ChartSchool, "Relative Strength Index", 14 days of QQQQ.
    closes = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826]
    closes += [45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439]
    values = rsi_over(14, closes)
    assert values[:14] == [None] * 14
    assert [round(value, 2) for value in values[14:] if value is not None] == (
        [70.53, 66.32, 66.55, 69.41, 66.36, 57.97]
    )


@pytest.mark.rule(5)
def test_rsi_of_a_market_that_does_not_move_is_50() -> None:
    assert rsi_over(2, [5.0] * 5) == [None, None, 50.0, 50.0, 50.0]


def test_rsi_is_100_without_a_loss_and_0_without_a_gain() -> None:
    assert rsi_over(2, [1.0, 2.0, 3.0])[-1] == 100.0
    assert rsi_over(2, [3.0, 2.0, 1.0])[-1] == 0.0


@given(PERIODS, CLOSES, st.data())
@settings(max_examples=50, deadline=None)
def test_a_cut_anywhere_leaves_every_bit_where_it_was(period: int, closes: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(closes)))
    ema, rsi = Ema(period), Rsi(period)
    for i, close in enumerate(closes):
        if i == cut:
            ema = Ema.from_json(json.loads(json.dumps(ema.to_json())))
            rsi = Rsi.from_json(json.loads(json.dumps(rsi.to_json())))
        ema, rsi = ema.updated(close), rsi.updated(close)
    assert (ema.value, rsi.value) == (ema_over(period, closes)[-1], rsi_over(period, closes)[-1])


def test_floats_are_written_as_hex() -> None:
    assert Ema(2).updated(0.1).updated(0.2).to_json()["value"] == (0.1 + 0.2).__truediv__(2).hex()


@pytest.mark.rule(5)
@given(st.integers(1, 10**17), st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_a_price_becomes_the_correctly_rounded_quotient_of_integers(units: int, places: int) -> None:
    assert float(Decimal(units).scaleb(-places)) == units / 10**places


@pytest.mark.rule(3)
def test_an_up_cross_was_at_or_below_and_is_above() -> None:
    assert crosses_above(1.0, 3.0, 1.0, 2.0)
    assert crosses_above(0.5, 3.0, 1.0, 2.0)
    assert not crosses_above(1.5, 3.0, 1.0, 2.0)
    assert not crosses_above(1.0, 2.0, 1.0, 2.0)


@pytest.mark.rule(3)
def test_a_down_cross_was_at_or_above_and_is_below() -> None:
    assert crosses_below(1.0, 1.0, 1.0, 2.0)
    assert crosses_below(1.5, 1.0, 1.0, 2.0)
    assert not crosses_below(0.5, 1.0, 1.0, 2.0)
    assert not crosses_below(1.0, 2.0, 1.0, 2.0)


@pytest.mark.rule(3)
def test_no_cross_exists_while_a_value_does_not() -> None:
    values = (1.0, 3.0, 1.0, 2.0)
    for missing in range(4):
        arguments = [NAN if i == missing else value for i, value in enumerate(values)]
        assert not crosses_above(*arguments)
        assert not crosses_below(*arguments)
