"""Generated candles that every engine of a comparison gets, and the file that carries them to the peers' processes.

The file: six columns of little-endian 64-bit numbers one after the other; open time in ms, open, high, low, close in
units of 10**-2 quote (integers), volume (float). numpy and array read it without parsing.
"""

from __future__ import annotations

import mmap
import sys
from array import array
from typing import TYPE_CHECKING, Final

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import CandleArray

if TYPE_CHECKING:
    from pathlib import Path

YEAR: Final = 525_600
PRICE_DECIMALS: Final = 2
#: 2023-01-01.
START_MS: Final = 1_672_531_200_000
_COLUMNS: Final = ("open_time_ms", "open", "high", "low", "close", "volume")
#: Bytes of a number.
_WIDTH: Final = 8


def generate(count: int, *, seed: int = 20, start_price: int = 2_000_000) -> CandleArray:
    """Return one-minute candles of a random walk whose minutes vary as those of BTCUSDT do; each opens at the close."""
    import random  # noqa: PLC0415  # a measured process only reads, and does without

    dice = random.Random(seed)
    gauss, uniform = dice.gauss, dice.random
    prices = array("q", bytes(0))
    highs, lows, closes = array("q"), array("q"), array("q")
    price = start_price
    for _ in range(count):
        prices.append(price)
        close = max(1_000, price + round(price * gauss(0.0, 0.0006)))
        spread = price * 0.0003
        highs.append(max(price, close) + int(spread * uniform()))
        lows.append(max(1, min(price, close) - int(spread * uniform())))
        closes.append(close)
        price = close
    times = array("q", range(START_MS, START_MS + 60_000 * count, 60_000))
    return CandleArray(Timeframe.M1, PRICE_DECIMALS, times, prices, highs, lows, closes, array("d", [1.0]) * count)


def write(candles: CandleArray, path: Path) -> None:
    """Write the columns."""
    assert sys.byteorder == "little"
    with path.open("wb") as file:
        for name in _COLUMNS:
            getattr(candles, name).tofile(file)


def read(path: Path, count: int | None = None) -> CandleArray:
    """Read the first `count` candles, or all, of what `write` wrote."""
    width = path.stat().st_size // len(_COLUMNS)
    end = width if count is None else count * _WIDTH
    columns: dict[str, array[int] | array[float]] = {}
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for number, name in enumerate(_COLUMNS):
            column: array[int] | array[float] = array("d") if name == "volume" else array("q")
            with memoryview(content)[number * width : number * width + end] as part:
                column.frombytes(part)
            columns[name] = column
    return CandleArray(Timeframe.M1, PRICE_DECIMALS, **columns)  # type: ignore[arg-type]  # by name, as written
