"""How statistics are rounded: alike on every machine, whose powers and roots differ in a float's last bits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal


def rounded(value: float | Decimal | Fraction) -> float | None:
    """Return `value` with ten significant digits, or None where it is no finite float."""
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number):
        return None
    return float(f"{number:.9e}") + 0.0  # -0.0 becomes 0.0


def ratio(part: Decimal | Fraction | int, whole: Decimal | Fraction | int) -> float | None:
    """Return the rounded quotient, None where it does not exist."""
    return rounded(Fraction(part) / Fraction(whole)) if whole else None
