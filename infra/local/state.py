"""The folder that outlives a run: one per market, locked by the run that uses it."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

REPOSITORY = Path(__file__).resolve().parents[2]
MarketKind = Literal["generator", "csv", "live"]


class LocalError(Exception):
    """The local run cannot go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Market:
    """Where prices come from: a seeded generator, a CSV of Binance klines, or Binance's public data."""

    kind: MarketKind
    seed: int = 7
    candles: Path | None = None
    start: datetime | None = None
    #: Where `live` takes public data from, instead of Binance's own hosts.
    live_url: str | None = None

    @property
    def state_name(self) -> str:
        """Name of the folder that holds this market's state: another market never meets these bots."""
        if self.kind == "generator":
            return f"generator-{self.seed}"
        if self.candles is None:
            return self.kind
        start = self.start.isoformat() if self.start else ""
        return f"csv-{hashlib.sha256(f'{self.candles.resolve()} {start}'.encode()).hexdigest()[:12]}"


def state_root() -> Path:
    """Return the folder of all local state: `.tradebot` in the checkout, or where TRADEBOT_STATE points."""
    return Path(os.environ.get("TRADEBOT_STATE") or REPOSITORY / ".tradebot")


@contextmanager
def locked(directory: Path) -> Iterator[Path]:
    """Hold `directory` for this process alone. The lock ends with the process, however it ends."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (directory / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise LocalError(
                f"{directory} is in use by process {owner}. "
                f"Stop that run first (Ctrl-C in its terminal, or: kill {owner})."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield directory
