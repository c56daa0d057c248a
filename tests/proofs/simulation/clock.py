"""One clock for wire, worker and database. It moves only when somebody waits."""

from __future__ import annotations

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


@contextmanager
def virtual_time(clock: VirtualClock) -> Iterator[None]:
    """Let every module of the worker that tells wire time read `clock`."""
    shown = _Time(clock)
    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(_TIMED) and getattr(module, "time", None) is time
    ]
    for module in modules:
        module.time = shown  # type: ignore[attr-defined]  # it stands for the module
    try:
        yield
    finally:
        for module in modules:
            module.time = time  # type: ignore[attr-defined]  # as above
