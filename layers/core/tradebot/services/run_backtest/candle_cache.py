"""Candles of one market, symbol and timeframe in the bucket, a block for each calendar month, written once.

A month that has closed lies under `candles/`, for good. Of the month that is under way a part lies under
`candle-parts/`, named after the instant up to which it holds every candle; a longer part does not replace it. A
key carries the decimals of its block's prices, so that a run knows them before it reads a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tradebot.engine.candles import to_ms
from tradebot.engine.packed import pack_candles, unpack_candles
from tradebot.errors import NotFoundError

if TYPE_CHECKING:
    from tradebot.aws.object_store import ObjectStore
    from tradebot.domain.timeframe import Timeframe
    from tradebot.engine.candles import CandleArray

VENUE: Final = "binance"


@dataclass(frozen=True, slots=True)
class Block:
    """A stored block: every candle of its month that opens before `until_ms`."""

    key: str
    month: str
    until_ms: int
    price_decimals: int


@dataclass(frozen=True, slots=True)
class CandleCache:
    """Knows the keys. Nothing is remembered from one call to the next."""

    store: ObjectStore
    market: str
    symbol: str
    timeframe: Timeframe

    @property
    def uri(self) -> str:
        """Return where the closed months lie."""
        return f"s3://{self.store.name}/candles/{self._path}"

    @property
    def _path(self) -> str:
        return f"{VENUE}/{self.market}/{self.symbol}/{self.timeframe.value}"

    def closed_months(self) -> dict[str, Block]:
        """Return the blocks of months that were complete when they were stored."""
        keys = self.store.keys(f"candles/{self._path}/")
        blocks = [_read_key(key, key.rpartition("/")[2]) for key in keys]
        return {block.month: block for block in blocks}

    def parts(self, month: str) -> list[Block]:
        """Return the parts of a month, the shortest first."""
        keys = self.store.keys(f"candle-parts/{self._path}/{month}/")
        blocks = [_read_key(key, f"{month}.{key.rpartition('.')[2]}", int(key.split("/")[-1][:13])) for key in keys]
        return sorted(blocks, key=lambda block: block.until_ms)

    def find(self, month: str, until_ms: int, closed: dict[str, Block]) -> Block:
        """Return the block of a month, or exactly that part of it. Raises NotFoundError."""
        if month in closed:
            return closed[month]
        for part in self.parts(month):
            if part.until_ms == until_ms:
                return part
        raise NotFoundError(f"The candles of {self.symbol} {self.timeframe} in {month} are not in the bucket.")

    def load(self, block: Block) -> CandleArray:
        """Return a block's candles."""
        return unpack_candles(self.store.get(block.key))

    def save(self, month: str, candles: CandleArray, until_ms: int) -> bool:
        """Store a month, or a part of it where it ends before the month does; False where that was there already."""
        suffix = f".d{candles.price_decimals}"
        if until_ms >= to_ms(month_end(month)):
            key = f"candles/{self._path}/{month}{suffix}"
        else:
            key = f"candle-parts/{self._path}/{month}/{until_ms:013d}{suffix}"
        return self.store.put_new(key, pack_candles(candles))


def _read_key(key: str, name: str, until_ms: int | None = None) -> Block:
    month, _, decimals = name.partition(".d")
    return Block(key, month, to_ms(month_end(month)) if until_ms is None else until_ms, int(decimals))


def month_start(month: str) -> datetime:
    """Return the first instant of `2023-03`."""
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)


def month_end(month: str) -> datetime:
    """Return the first instant after it."""
    return (month_start(month) + timedelta(days=31)).replace(day=1)


def month_of(at: datetime) -> str:
    """Return the month of an instant."""
    return f"{at.astimezone(UTC):%Y-%m}"


def months_between(start_at: datetime, end_at: datetime) -> list[str]:
    """Return the months that [start, end) touches."""
    months = [month_of(start_at)]
    while month_end(months[-1]) < end_at:
        months.append(month_of(month_end(months[-1])))
    return months
