"""One clock for wire, worker and database. It moves only when somebody waits."""

from __future__ import annotations

import random
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What of the product tells the time of the wire. What waits for the database keeps the machine's clock.
_TIMED = ("tradebot.exchange.", "tradebot.services.")


class VirtualClock:
    """Milliseconds since 1970; the exchange takes it as its wire clock."""

    def __init__(self, ms: int = 0) -> None:
        self.ms = ms

    def now_ms(self) -> int:
        return self.ms

    def sleep(self, milliseconds: int) -> None:
        self.ms += milliseconds

    def reach(self, ms: int) -> None:
        """Let time pass until `ms`; it never goes back."""
        self.ms = max(self.ms, ms)


class _Time:
    """Stands for the module `time` where the worker reads it."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    def time_ns(self) -> int:
        return self._clock.ms * 1_000_000

    def time(self) -> float:
        return self._clock.ms / 1000

    monotonic = perf_counter = time

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(round(seconds * 1000))


class _Even:
    """Stands for the module `random` where the worker spreads its waits: a seed has to give the same history."""

    @staticmethod
    def uniform(low: float, high: float) -> float:
        return (low + high) / 2


@contextmanager
def virtual_time(clock: VirtualClock) -> Iterator[None]:
    """Let every module of the worker that tells wire time read `clock`."""
    places = [
        (module, name, real, shown)
        for path, module in list(sys.modules.items())
        if path.startswith(_TIMED)
        for name, real, shown in (("time", time, _Time(clock)), ("random", random, _Even()))
        if getattr(module, name, None) is real
    ]
    for module, name, _, shown in places:
        setattr(module, name, shown)
    try:
        yield
    finally:
        for module, name, real, _ in places:
            setattr(module, name, real)
