"""One minute of a market, in integer hundred-millionths, and the intervals that are made of minutes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.local.exchange.times import DAY_MS, MINUTE_MS, from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.exchange.instruments import MarketKind


class Candle(NamedTuple):
    """Open time in milliseconds; prices and base volume in integer hundred-millionths."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int


class MinuteSource(Protocol):
    """Gives any past or future minute of a market that is known in advance."""

    first_ms: int
    last_ms: int | None  # open time of the last minute; None: it never ends

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols it has candles of."""
        ...

    def candle(self, kind: MarketKind, symbol: str, open_ms: int) -> Candle | None:
        """Return the minute that opens at `open_ms`, or None where the data has a gap."""
        ...

    def close_before(self, kind: MarketKind, symbol: str, open_ms: int) -> int | None:
        """Return the close of the newest minute that opens before `open_ms`."""
        ...

    def identity(self) -> str:
        """Describe the source so that two runs with the same description see the same prices."""
        ...


_MINUTES = {
    "1m": 1,
    "3m": 3,
    "5m": 5,
    "15m": 15,
    "30m": 30,
    "1h": 60,
    "2h": 120,
    "4h": 240,
    "6h": 360,
    "8h": 480,
    "12h": 720,
    "1d": 1440,
    "3d": 4320,
    "1w": 10080,
}
INTERVALS = (*_MINUTES, "1M")
_WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # 1970-01-05 was the first Monday


def bucket_start(interval: str, moment_ms: int) -> int:
    """Return the open time of the candle of `interval` that holds `moment_ms`."""
    if interval == "1M":
        moment = from_ms(moment_ms)
        return to_ms(datetime(moment.year, moment.month, 1, tzinfo=UTC))
    if interval == "1w":
        return (moment_ms - _MONDAY_MS) // _WEEK_MS * _WEEK_MS + _MONDAY_MS
    length = _MINUTES[interval] * MINUTE_MS
    return moment_ms // length * length


def bucket_end(interval: str, start_ms: int) -> int:
    """Return the open time of the candle that follows the one opening at `start_ms`."""
    if interval == "1M":
        moment = from_ms(start_ms)
        year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
        return to_ms(datetime(year, month, 1, tzinfo=UTC))
    return start_ms + _MINUTES[interval] * MINUTE_MS


def merge(start_ms: int, candles: Iterable[Candle]) -> Candle | None:
    """Make one candle of several consecutive ones; None where there are none."""
    iterator = iter(candles)
    first = next(iterator, None)
    if first is None:
        return None
    high, low, close, volume = first.high, first.low, first.close, first.volume
    for one in iterator:
        high = max(high, one.high)
        low = min(low, one.low)
        close = one.close
        volume += one.volume
    return Candle(start_ms, first.open, high, low, close, volume)
