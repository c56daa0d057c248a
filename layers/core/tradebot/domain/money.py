"""Exact decimal arithmetic and directional rounding. Nothing here rounds half."""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

ONE_MILLION: Final = 1_000_000
ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)

#: Fees and funding carry eight decimals, as the exchange's ledger does.
FEE_UNIT: Final = Decimal("0.00000001")
#: Costs that have to be split carry twelve decimals, as the money columns do, so that stored parts add up to the whole.
COST_UNIT: Final = Decimal("0.000000000001")

#: Sums and products that would lose a digit raise instead; the default context keeps 28 digits, which a product of two
#: money columns exceeds.
EXACT: Final = Context(prec=100, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])


def exact() -> AbstractContextManager[Context]:
    """Return a context in which decimal arithmetic is exact or raises `decimal.Inexact`."""
    return localcontext(EXACT)


def times(amount: Decimal | int, unit: Decimal) -> Decimal:
    """Return an exact product, as inside `exact()`."""
    return EXACT.multiply(amount, unit)


def floor_to(value: Decimal | Fraction, unit: Decimal) -> Decimal:
    """Return the greatest multiple of `unit` that is not above `value`."""
    return floor_quotient(value, _ONE, unit)


def ceil_to(value: Decimal | Fraction, unit: Decimal) -> Decimal:
    """Return the least multiple of `unit` that is not below `value`."""
    return ceil_quotient(value, _ONE, unit)


def floor_quotient(dividend: Decimal | Fraction, divisor: Decimal | int, unit: Decimal) -> Decimal:
    """Return the greatest multiple of `unit` that is not above `dividend / divisor`; the divisor is above zero."""
    numerator, denominator = _units_in(dividend, divisor, unit)
    return times(numerator // denominator, unit)


def ceil_quotient(dividend: Decimal | Fraction, divisor: Decimal | int, unit: Decimal) -> Decimal:
    """Return the least multiple of `unit` that is not below `dividend / divisor`; the divisor is above zero."""
    numerator, denominator = _units_in(dividend, divisor, unit)
    return times(-(-numerator // denominator), unit)


def _units_in(dividend: Decimal | Fraction, divisor: Decimal | int, unit: Decimal) -> tuple[int, int]:
    """Return how many units make `dividend / divisor`, as a ratio of integers: several times faster than Fraction."""
    a, b = dividend.as_integer_ratio()
    c, d = divisor.as_integer_ratio()
    e, f = unit.as_integer_ratio()
    return a * d * f, b * c * e


def ratio(dividend: Decimal, divisor: Decimal) -> Fraction:
    """Return an exact quotient."""
    a, b = dividend.as_integer_ratio()
    c, d = divisor.as_integer_ratio()
    return Fraction(a * d, b * c)


def part_of(amount: Decimal, ppm: int) -> Decimal:
    """Return parts per million of an amount, exactly."""
    return EXACT.multiply(amount, EXACT.scaleb(Decimal(ppm), -6))


def fee_against_us(value: Decimal | Fraction) -> Decimal:
    """Round a fee that we pay up to eight decimals."""
    return ceil_to(value, FEE_UNIT)


def display_price(price: Fraction) -> Decimal:
    """Return an average price cut to twelve decimals, for columns and screens; never the base of a sum."""
    return floor_to(price, COST_UNIT)


def canonical(value: Decimal) -> str:
    """Return the one text of a number, whatever trailing zeros its history left: no exponent, no superfluous zero."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def digits(units: int, decimals: int) -> str:
    """Return `canonical` of units of 10**-decimals, without a Decimal on the way: a table has thousands."""
    text = f"{abs(units):0{decimals + 1}d}"
    whole, part = (text[:-decimals], text[-decimals:].rstrip("0")) if decimals else (text, "")
    return f"{'-' if units < 0 else ''}{whole}{'.' if part else ''}{part}"
