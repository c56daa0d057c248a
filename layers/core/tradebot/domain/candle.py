"""One candle: open, high, low, close and volume over an interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Candle:
    """Prices in quote, volume in base. `open_time` is aware, in UTC; it closes where its timeframe's next one opens."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def __post_init__(self) -> None:
        """Refuse what cannot be a candle: a decision taken on such data would be worse than none."""
        if self.open_time.utcoffset() != timedelta(0):
            raise InvalidInputError(f"the candle's open time {self.open_time} is not in UTC", field="open_time")
        numbers = (self.open, self.high, self.low, self.close, self.volume)
        if not all(number.is_finite() for number in numbers):
            raise InvalidInputError(f"the candle of {self.open_time} holds a number that is not finite")
        if not 0 < self.low <= min(self.open, self.close) or self.high < max(self.open, self.close) or self.volume < 0:
            raise InvalidInputError(f"the candle of {self.open_time} contradicts itself: {self}")
