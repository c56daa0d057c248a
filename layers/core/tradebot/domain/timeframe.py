"""Binance's candle intervals: length, and the instants at which their candles open and close (UTC)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

_DAY: Final = 86_400
_SECONDS: Final[dict[str, int]] = {
    "1s": 1,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": _DAY,
    "3d": 3 * _DAY,
    "1w": 7 * _DAY,
    "1M": 28 * _DAY,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Weekly candles open on Mondays; the epoch was a Thursday.
_FIRST_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)


class Timeframe(StrEnum):
    """A candle interval as Binance writes it. Futures have no `1s`."""

    S1 = "1s"
    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    D3 = "3d"
    W1 = "1w"
    MONTH = "1M"

    @property
    def seconds(self) -> int:
        """Length in seconds; of a month its shortest (28 days), which serves comparisons only."""
        return _SECONDS[self.value]

    def floor(self, at: datetime) -> datetime:
        """Return the open of the candle that `at` (aware) falls into."""
        at = at.astimezone(UTC)
        if self is Timeframe.MONTH:
            return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        anchor = _FIRST_MONDAY if self is Timeframe.W1 else _EPOCH
        length = timedelta(seconds=self.seconds)
        return anchor + (at - anchor) // length * length

    def close_of(self, open_time: datetime) -> datetime:
        """Return the instant at which the candle that opened at `open_time` closes and the next one opens."""
        if self is Timeframe.MONTH:
            return self.floor(open_time + timedelta(days=31))
        return open_time + timedelta(seconds=self.seconds)

    def next_close(self, at: datetime) -> datetime:
        """Return the first close strictly after `at`."""
        return self.close_of(self.floor(at))

    def last_closed(self, at: datetime) -> datetime:
        """Return the open of the newest candle that has closed at `at`."""
        return self.floor(self.floor(at) - timedelta(microseconds=1))
