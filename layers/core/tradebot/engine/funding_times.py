"""When perpetuals settle funding, at which rate, and what a position pays for it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.money import FEE_UNIT, floor_to, times
from tradebot.engine.backtest_setup import ASSUMED_INTERVAL_MS, ASSUMED_RATE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from tradebot.domain.position import PositionSide
    from tradebot.engine.backtest_setup import FundingRate


@dataclass(frozen=True, slots=True)
class Settlement:
    """One stamp; `mark` is None where the candle's open stands for it."""

    at_ms: int
    rate: Decimal
    mark: Decimal | None
    is_assumed: bool


class FundingTimes:
    """History where there is any; before its first and after its last stamp the assumption."""

    def __init__(self, history: tuple[FundingRate, ...]) -> None:
        self._history = history
        # Binance stamps them some milliseconds late.
        self._stamps = [one.at_ms // 1000 * 1000 for one in history]

    def first_from(self, at_ms: int) -> Settlement:
        """Return the first settlement at or after a time."""
        known = bisect_left(self._stamps, at_ms)
        assumed_ms = -(-at_ms // ASSUMED_INTERVAL_MS) * ASSUMED_INTERVAL_MS
        is_within = 0 < known < len(self._stamps)
        if known < len(self._stamps) and (is_within or self._stamps[known] <= assumed_ms):
            one = self._history[known]
            return Settlement(self._stamps[known], one.rate, one.mark, is_assumed=False)
        return Settlement(assumed_ms, ASSUMED_RATE, None, is_assumed=True)

    def between(self, begin_ms: int, end_ms: int) -> Iterator[Settlement]:
        """Yield the settlements of [begin, end) in order."""
        one = self.first_from(begin_ms)
        while one.at_ms < end_ms:
            yield one
            one = self.first_from(one.at_ms + 1)


def funding_amount(side: PositionSide, quantity: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """Return what a position gets (below zero: pays) at a settlement, rounded to eight decimals against us."""
    return floor_to(times(-side.sign, times(times(quantity, price), rate)), FEE_UNIT)
