"""What stands before every request to a venue: the request limit of the address that it leaves from, and its ban."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tradebot.errors import ExchangeThrottledError

if TYPE_CHECKING:
    from datetime import datetime


class Urgency(StrEnum):
    """How urgent a request is, which decides who goes without when a minute's weight runs short."""

    #: Opens a position, or is asked by a bot that has none: shed first.
    ENTRY = "entry"
    #: Holds the books of a bot against all that its account holds: shed with the entries.
    COMPARISON = "comparison"
    #: Looks whether the stop of a position still rests: it does so without us, and waits for the next minute.
    LOOK = "look"
    #: Exits, stops, orders that nobody knows the end of: only the exchange's own limit ends it.
    PROTECTION = "protection"


class Gate(Protocol):
    """Asked before a request is sent, told what was answered."""

    def admit(self, weight: int) -> None:
        """Let a request of `weight` pass, or raise ExchangeThrottledError: then nothing may be sent."""
        ...

    def tell(self, used_weight: int, answered_at: datetime) -> None:
        """Hear the weight that the exchange has counted in its minute of `answered_at` (the exchange's clock)."""
        ...

    def block(self, seconds: float) -> None:
        """Hear that nothing may be sent for so long (429 or 418)."""
        ...

    def limit(self, weight_per_minute: int) -> None:
        """Hear what the exchange allows an address in a minute."""
        ...


class LoneGate:
    """A gate for a process that shares its address with nobody: it remembers a ban and counts nothing."""

    def __init__(self) -> None:
        self._blocked_until = 0.0

    def admit(self, weight: int) -> None:
        """Raise where an earlier 429 or 418 still forbids sending."""
        del weight
        refuse_for(self._blocked_until - time.monotonic())

    def tell(self, used_weight: int, answered_at: datetime) -> None:
        """Do nothing."""

    def block(self, seconds: float) -> None:
        """Remember it."""
        self._blocked_until = max(self._blocked_until, time.monotonic() + seconds)

    def limit(self, weight_per_minute: int) -> None:
        """Do nothing."""


def refuse_for(seconds: float) -> None:
    """Raise ExchangeThrottledError where a ban has so many seconds left."""
    if seconds > 0:
        raise ExchangeThrottledError(
            f"nothing is sent to the exchange for another {seconds:.0f} s, as it asked", retry_after_seconds=seconds
        )
