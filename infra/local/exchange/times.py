"""The two clocks: wire time signs requests, market time dates candles, orders and executions."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

MINUTE_MS = 60_000
DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WireClock(Protocol):
    """Where an exchange takes wire time from. A simulation that has time under its control brings its own."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        ...

    def sleep(self, milliseconds: int) -> None:
        """Let that much wire time pass."""
        ...


class RealClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return wire_ms()

    def sleep(self, milliseconds: int) -> None:
        """Wait."""
        time.sleep(milliseconds / 1000)


def wire_ms() -> int:
    """Return the real time in milliseconds."""
    return time.time_ns() // 1_000_000


def to_ms(moment: datetime) -> int:
    """Turn an aware moment into milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """Turn milliseconds since 1970 into an aware moment, exactly."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso(milliseconds: int) -> str:
    """Write milliseconds since 1970 as an ISO date and time in UTC."""
    return from_ms(milliseconds).isoformat()


def parse_iso(text: str) -> int:
    """Read an ISO date and time; without an offset it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
