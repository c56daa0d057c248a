"""Round numbers and dates for an axis."""

from __future__ import annotations

import math
from typing import Final

from tradebot.engine.candles import from_ms, to_ms

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
#: Distances of times, and how such times are written.
_STEPS: Final = (
    *((count * _MINUTE, "%H:%M") for count in (1, 5, 15, 30)),
    *((count * _HOUR, "%d %b %H:%M") for count in (1, 3, 6, 12)),
    *((count * _DAY, "%d %b") for count in (1, 2, 5, 7, 14)),
)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60)


def value_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` multiples of 1, 2, 2.5 or 5 x 10**n within the range."""
    span = high - low
    if not span > 0:
        return [low]
    exponent = math.floor(math.log10(span / most))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        step = factor * 10.0**exponent
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [number * step for number in range(first, last + 1)]
    return [low, high]


def time_ticks(start_ms: int, end_ms: int, most: int = 8) -> list[tuple[int, str]]:
    """Return at most `most` round UTC times within the range, and their labels."""
    for step, form in _STEPS:
        if (end_ms - start_ms) / step <= most:
            first = -(-start_ms // step) * step
            return [(at, f"{from_ms(at):{form}}") for at in range(first, end_ms + 1, step)]
    start = from_ms(start_ms)
    months = (end_ms - start_ms) / (30.44 * _DAY)
    count = next((count for count in _MONTHS if months / count <= most), 120)
    found, number = list[tuple[int, str]](), start.year * 12 + start.month - 1
    number = -(-number // count) * count if count > 1 else number
    while True:
        at = start.replace(year=number // 12, month=number % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        if to_ms(at) > end_ms:
            return found
        if at >= start:
            found.append((to_ms(at), f"{at:%Y}" if count >= 12 else f"{at:%b %Y}"))
        number += count
