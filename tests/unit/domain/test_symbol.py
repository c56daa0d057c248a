"""Exact arithmetic and directional rounding."""

from __future__ import annotations

from decimal import Decimal, Inexact
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.domain.money import canonical, ceil_to, digits, display_price, exact, fee_against_us, floor_to
from tradebot.domain.symbol import SymbolRules

NUMBERS = st.decimals(Decimal(-(10**12)), Decimal(10**12), places=10)
UNITS = st.sampled_from([Decimal(text) for text in ("1", "0.5", "0.01", "0.00001", "0.00000001", "10", "0.25")])
RULES = SymbolRules(
    "BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(9000), Decimal(10)
)


@given(NUMBERS, UNITS)
@settings(max_examples=200, deadline=None)
def test_rounding_goes_where_it_says_and_less_than_one_unit_far(value: Decimal, unit: Decimal) -> None:
    below, above = floor_to(value, unit), ceil_to(value, unit)
    assert below <= value < below + unit
    assert above - unit < value <= above
    assert (Fraction(below) / Fraction(unit)).denominator == (Fraction(above) / Fraction(unit)).denominator == 1


def test_fees_round_against_us_to_eight_decimals() -> None:
    assert fee_against_us(Decimal("0.000000001")) == Decimal("0.00000001")
    assert fee_against_us(Decimal("0.12345678")) == Decimal("0.12345678")
    assert fee_against_us(Fraction(1, 3)) == Decimal("0.33333334")


def test_arithmetic_that_would_lose_a_digit_raises_instead() -> None:
    wide = Decimal("123456789012345678.123456789012")
    with exact():
        assert wide * wide / wide == wide
        with pytest.raises(Inexact):
            Decimal(1) / Decimal(3)
    assert Fraction(wide) * Fraction(wide) != Fraction(wide * wide), "the default context has to be what loses digits"


@given(NUMBERS)
@settings(max_examples=200, deadline=None)
def test_a_number_has_one_text_whatever_its_trailing_zeros(value: Decimal) -> None:
    with exact():
        padded = value + Decimal("0.0000000000000000")
    assert canonical(padded) == canonical(value)
    assert Decimal(canonical(value)) == value
    assert "E" not in canonical(value)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 16))
@settings(max_examples=300, deadline=None)
def test_whole_units_have_the_text_of_their_decimal(units: int, decimals: int) -> None:
    assert digits(units, decimals) == canonical(Decimal(units).scaleb(-decimals))


def test_zero_and_round_thousands_keep_their_plain_text() -> None:
    assert [canonical(Decimal(text)) for text in ("0E-8", "-0.0", "1E+3", "1000", "10.50")] == (
        ["0", "0", "1000", "1000", "10.5"]
    )


def test_quantities_round_down_to_the_step() -> None:
    assert RULES.floor_quantity(Decimal("0.123459999")) == Decimal("0.12345")
    assert RULES.floor_quantity(Fraction(1, 3)) == Decimal("0.33333")


def test_prices_become_whole_ticks_in_the_asked_direction() -> None:
    assert RULES.ticks_below(Decimal("22000.019")) == 2_200_001
    assert RULES.ticks_above(Decimal("22000.011")) == 2_200_002
    assert RULES.ticks_above(Decimal("22000.01")) == RULES.ticks_below(Decimal("22000.01")) == 2_200_001
    assert RULES.price_of(2_200_001) == Decimal("22000.01")


def test_an_average_price_is_cut_for_display_only() -> None:
    assert display_price(Fraction(2, 3)) == Decimal("0.666666666666")
