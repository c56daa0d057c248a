"""Exact decimal arithmetic: amounts have eight decimals, as on Binance, and roundings name their direction."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_UP, Decimal

ZERO = Decimal(0)
ONE_UNIT = Decimal("0.00000001")
_BPS = Decimal(10_000)


def round_down(amount: Decimal) -> Decimal:
    """Cut to eight decimals, towards zero."""
    return amount.quantize(ONE_UNIT, ROUND_DOWN)


def round_up(amount: Decimal) -> Decimal:
    """Round to eight decimals, away from zero: what a client pays."""
    return amount.quantize(ONE_UNIT, ROUND_UP)


def round_half_even(amount: Decimal) -> Decimal:
    """Round to the nearest of eight decimals."""
    return amount.quantize(ONE_UNIT, ROUND_HALF_EVEN)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `amount`."""
    return (amount / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(amount: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of `step` that is not below `amount`."""
    return (amount / step).to_integral_value(ROUND_CEILING) * step


def is_multiple(amount: Decimal, step: Decimal) -> bool:
    """Say whether `amount` lies on the grid of `step`; a step of zero switches that off, as in Binance's filters."""
    return step == 0 or amount % step == 0


def share_of(amount: Decimal, bps: Decimal) -> Decimal:
    """Return `bps` hundredths of a percent of `amount`, unrounded."""
    return amount * bps / _BPS


def decimals_of(step: Decimal) -> int:
    """Count the decimals that a step needs: 0.001 -> 3, 1 -> 0."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def fixed(amount: Decimal, places: int = 8) -> str:
    """Write with a fixed number of decimals and never an exponent."""
    return f"{amount:.{places}f}"


def plain(amount: Decimal) -> str:
    """Write with as few digits as say it all and never an exponent."""
    return f"{amount.normalize():f}" if amount else "0"


def from_units(units: int) -> Decimal:
    """Turn integer hundred-millionths into a decimal, exactly."""
    return Decimal(units).scaleb(-8)


def to_units(amount: Decimal) -> int:
    """Turn a decimal of at most eight decimals into integer hundred-millionths; raises ValueError where it has more."""
    scaled = amount.scaleb(8)
    if scaled != scaled.to_integral_value():
        msg = f"{amount} has more than eight decimals"
        raise ValueError(msg)
    return int(scaled)


def units_text(units: int) -> str:
    """Write integer hundred-millionths with eight decimals."""
    whole, rest = divmod(units, 100_000_000)
    return f"{whole}.{rest:08d}"
