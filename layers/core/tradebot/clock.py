"""Market time, the one seam through which a decision learns how late it is. Wire time and database time are not here.

On AWS the market's time is real time. Where the market is replayed or runs faster than the wall clock, it stands still
at the tick that is being handled, so that the same candles give the same decisions on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

MarketClockMode = Literal["real", "tick"]


class MarketClock(Protocol):
    """Answers what time it is at the market."""

    def market_now(self) -> datetime:
        """Return the market's time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class RealMarketClock:
    """The market runs with the world."""

    def market_now(self) -> datetime:
        """Return the real time in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TickMarketClock:
    """The market stands still at the tick: a replay, or a market that runs faster than the wall clock."""

    tick_at: datetime

    def market_now(self) -> datetime:
        """Return the tick's time."""
        return self.tick_at


def market_clock(mode: MarketClockMode, tick_at: datetime) -> MarketClock:
    """Return the clock of `mode` for the tick that was scheduled at `tick_at` (aware)."""
    return RealMarketClock() if mode == "real" else TickMarketClock(tick_at)
