"""Minutes from a CSV: Binance's own kline files, or `open_time,open,high,low,close,volume` with ISO times."""

from __future__ import annotations

import csv
import hashlib
import re
from bisect import bisect_left
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING

from infra.local.exchange.decimals import to_units
from infra.local.exchange.errors import StartError
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.times import MINUTE_MS, iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local.exchange.instruments import MarketKind

# Binance writes milliseconds in files up to 2024 and microseconds in spot files from 2025 on.
_MICROSECONDS_FROM = 10**14
_SYMBOL_IN_NAME = re.compile(r"^([A-Z0-9]{5,20})-")


def _open_ms(text: str) -> int:
    if text.isdigit():
        number = int(text)
        return number // 1000 if number >= _MICROSECONDS_FROM else number
    return parse_iso(text)


def _is_header(row: list[str]) -> bool:
    return bool(row) and not row[0][:1].isdigit()


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.reader(file), start=1):
                if row and not (number == 1 and _is_header(row)):
                    yield number, row
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read {path}: {error}. Give a CSV of klines of one minute."
        raise StartError(msg) from error


def read_minutes(path: Path) -> list[Candle]:
    """Read and check a file; raises StartError with the line and the reason where it is not a market of minutes."""
    candles: list[Candle] = []
    for number, row in _rows(path):
        try:
            open_ms = _open_ms(row[0].strip())
            open_, high, low, close, volume = (to_units(Decimal(text.strip())) for text in row[1:6])
        except (ValueError, InvalidOperation) as error:
            msg = (
                f"{path}, line {number}: not a kline ({error}). Columns: open time, open, high, low, close, volume, ..."
            )
            raise StartError(msg) from error
        if open_ms % MINUTE_MS or (candles and open_ms <= candles[-1].open_ms):
            msg = f"{path}, line {number}: open times must be whole minutes and ascend, found {iso(open_ms)}."
            raise StartError(msg)
        if not 0 < low <= min(open_, close) <= max(open_, close) <= high:
            msg = f"{path}, line {number}: low <= open, close <= high does not hold."
            raise StartError(msg)
        candles.append(Candle(open_ms, open_, high, low, close, volume))
    if len(candles) < 2:
        msg = f"{path} holds {len(candles)} candles; at least two are needed."
        raise StartError(msg)
    step = min(later.open_ms - earlier.open_ms for earlier, later in pairwise(candles))
    if step != MINUTE_MS:
        msg = f"{path} holds candles of {step // MINUTE_MS} minutes; the market is made of 1-minute candles (1m files)."
        raise StartError(msg)
    return candles


def symbol_of(path: Path) -> str | None:
    """Read the symbol from a name like BTCUSDT-1m-2023-03.csv."""
    match = _SYMBOL_IN_NAME.match(path.name)
    return match.group(1) if match else None


class FileMinutes:
    """The minutes of one symbol, the same on both markets; what is not in the file did not happen."""

    def __init__(self, path: Path, symbol: str) -> None:
        self._candles = read_minutes(path)
        self._times = [candle.open_ms for candle in self._candles]
        self._symbol = symbol
        self._digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self.first_ms = self._times[0]
        self.last_ms: int | None = self._times[-1]

    def symbols(self) -> tuple[str, ...]:
        """Return the one symbol."""
        return (self._symbol,)

    def identity(self) -> str:
        """Describe the source by the file's content."""
        return f"csv {self._symbol} sha256={self._digest}"

    def candle(self, kind: MarketKind, symbol: str, open_ms: int) -> Candle | None:
        """Return the minute that opens at `open_ms`, or None where the file has none."""
        del kind, symbol
        index = (open_ms - self.first_ms) // MINUTE_MS  # right wherever nothing is missing before
        if 0 <= index < len(self._times) and self._times[index] == open_ms:
            return self._candles[index]
        index = bisect_left(self._times, open_ms)
        return self._candles[index] if index < len(self._times) and self._times[index] == open_ms else None

    def close_before(self, kind: MarketKind, symbol: str, open_ms: int) -> int | None:
        """Return the close of the newest minute that opens before `open_ms`."""
        del kind, symbol
        index = bisect_left(self._times, open_ms)
        return self._candles[index - 1].close if index else None
