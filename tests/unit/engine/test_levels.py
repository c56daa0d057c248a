"""Stops and take profits are whole ticks, rounded towards the entry."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import RULES
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import stop_price, stop_ticks, take_profit_price, take_profit_ticks

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
TICKS = st.integers(1, 10**12)
PPM = st.integers(1, 999_999)


@pytest.mark.rule(13)
@given(TICKS, PPM)
@settings(max_examples=300, deadline=None)
def test_levels_in_ticks_equal_the_integer_formulas(x: int, p: int) -> None:
    million = 1_000_000
    assert stop_ticks(LONG, x, p) == (x * (million - p) + 999_999) // million
    assert take_profit_ticks(LONG, x, p) == x * (million + p) // million
    assert stop_ticks(SHORT, x, p) == x * (million + p) // million
    assert take_profit_ticks(SHORT, x, p) == (x * (million - p) + 999_999) // million


@given(st.integers(1, 10**9), st.integers(1_000_001, 5_000_000))
@settings(max_examples=100, deadline=None)
def test_the_ceiling_holds_below_zero_too(x: int, p: int) -> None:
    # A take profit of a short beyond 100 % lies below zero and is never reached.
    level = take_profit_ticks(SHORT, x, p)
    assert level == -(x * (p - 1_000_000) // 1_000_000)
    assert level - 1 < Fraction(x * (1_000_000 - p), 1_000_000) <= level


@given(TICKS, PPM, st.integers(1, 1_000))
@settings(max_examples=200, deadline=None)
def test_a_level_never_lies_further_from_the_entry_than_asked(x: int, p: int, parts: int) -> None:
    entry = Fraction(x) + Fraction(1, parts + 1)
    below, above = entry * (1_000_000 - p) / 1_000_000, entry * (1_000_000 + p) / 1_000_000
    assert below <= stop_ticks(LONG, entry, p) < below + 1
    assert above - 1 < take_profit_ticks(LONG, entry, p) <= above
    assert above - 1 < stop_ticks(SHORT, entry, p) <= above
    assert below <= take_profit_ticks(SHORT, entry, p) < below + 1


@pytest.mark.parametrize(
    ("side", "stop", "take_profit"), [(LONG, "19600.01", "20800.00"), (SHORT, "20400.00", "19200.01")]
)
def test_levels_of_a_price_between_two_ticks_lie_on_the_grid(side: PositionSide, stop: str, take_profit: str) -> None:
    average = Decimal("20000.0023")
    assert stop_price(side, average, 20_000, RULES) == Decimal(stop)
    assert take_profit_price(side, average, 40_000, RULES) == Decimal(take_profit)


def test_levels_of_a_price_on_the_grid_that_come_out_even_are_not_moved() -> None:
    assert stop_price(LONG, Decimal(20_000), 20_000, RULES) == Decimal(19_600)
    assert take_profit_price(LONG, Decimal(20_000), 40_000, RULES) == Decimal(20_800)
