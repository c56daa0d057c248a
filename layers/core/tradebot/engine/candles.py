"""Candles as columns of integers: what a backtest reads and a kernel takes by its buffers. No candle is an object here.

Prices are integers of 10**-price_decimals quote; below 2**53, so that each is a float without rounding.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tradebot.domain.candle import Candle
from tradebot.domain.money import exact
from tradebot.domain.timeframe import Timeframe
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: From here on an integer may not be exact as a float.
PRICE_LIMIT: Final = 2**53
_MILLISECOND: Final = timedelta(milliseconds=1)
_COLUMNS: Final = ("open_time_ms", "open", "high", "low", "close", "volume")


def to_ms(at: datetime) -> int:
    """Return milliseconds since 1970."""
    return (at - EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Return the aware UTC time of milliseconds since 1970."""
    return EPOCH + milliseconds * _MILLISECOND


def decimals_of(value: Decimal) -> int:
    """Return how many decimals a number needs, trailing zeros not counted."""
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def scaled(value: Decimal, decimals: int) -> int:
    """Return `value` in units of 10**-decimals; it has to be a whole number of them."""
    with exact():
        return _whole(value, decimals)


def _whole(value: Decimal, decimals: int) -> int:
    units = value.scaleb(decimals)
    whole = int(units)
    if whole != units:
        raise InvalidInputError(f"{value} has more than {decimals} decimals")
    return whole


def _integers() -> array[int]:
    return array("q")


def _floats() -> array[float]:
    return array("d")


@dataclass(slots=True)
class CandleArray:
    """Columns of one length, oldest candle first, open times strictly rising. Volumes are for plots only."""

    timeframe: Timeframe
    price_decimals: int
    open_time_ms: array[int] = field(default_factory=_integers)
    open: array[int] = field(default_factory=_integers)
    high: array[int] = field(default_factory=_integers)
    low: array[int] = field(default_factory=_integers)
    close: array[int] = field(default_factory=_integers)
    volume: array[float] = field(default_factory=_floats)

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def __getitem__(self, part: slice) -> CandleArray:
        """Return some of the candles; a copy."""
        return CandleArray(self.timeframe, self.price_decimals, *(getattr(self, name)[part] for name in _COLUMNS))

    def __add__(self, later: CandleArray) -> CandleArray:
        """Return both, one after the other, with the finer of their precisions."""
        if later.timeframe is not self.timeframe:
            raise InvalidInputError(f"candles of {self.timeframe} and {later.timeframe} do not join")
        decimals = max(self.price_decimals, later.price_decimals)
        first, second = self.with_price_decimals(decimals), later.with_price_decimals(decimals)
        return CandleArray(
            self.timeframe, decimals, *(getattr(first, name) + getattr(second, name) for name in _COLUMNS)
        )

    def __iter__(self) -> Iterator[Candle]:
        """Yield the candles as values of the domain."""
        return (self.candle(number) for number in range(len(self)))

    def candle(self, number: int) -> Candle:
        """Return one candle as a value of the domain."""
        first, high, low, close = (
            Decimal(column[number]).scaleb(-self.price_decimals)
            for column in (self.open, self.high, self.low, self.close)
        )
        return Candle(from_ms(self.open_time_ms[number]), first, high, low, close, Decimal(repr(self.volume[number])))

    def with_price_decimals(self, decimals: int) -> CandleArray:
        """Return the same candles in a unit as fine or finer; itself where nothing changes."""
        if decimals == self.price_decimals:
            return self
        if decimals < self.price_decimals:
            raise InvalidInputError(f"candles of {self.price_decimals} decimals do not fit into {decimals}")
        factor = 10 ** (decimals - self.price_decimals)
        first, high, low, close = (array("q", [price * factor for price in getattr(self, n)]) for n in _COLUMNS[1:5])
        return CandleArray(self.timeframe, decimals, self.open_time_ms, first, high, low, close, self.volume)

    def close_time_ms(self, number: int) -> int:
        """Return when a candle closes and the next one opens."""
        if self.timeframe is Timeframe.MONTH:
            return to_ms(self.timeframe.close_of(from_ms(self.open_time_ms[number])))
        return self.open_time_ms[number] + self.timeframe.seconds * 1000

    def close_times_ms(self) -> list[int]:
        """Return when each candle closes."""
        if self.timeframe is Timeframe.MONTH:
            return [self.close_time_ms(number) for number in range(len(self))]
        length = self.timeframe.seconds * 1000
        return [open_ms + length for open_ms in self.open_time_ms]

    @staticmethod
    def from_candles(candles: Iterable[Candle], timeframe: Timeframe, price_decimals: int | None = None) -> CandleArray:
        """Return columns of candles in order; the precision is that of the finest price unless it is given."""
        listed = list(candles)
        if price_decimals is None:
            price_decimals = max(
                (decimals_of(price) for c in listed for price in (c.open, c.high, c.low, c.close)), default=0
            )
        columns = CandleArray(timeframe, price_decimals)
        with exact():  # once: to enter a context takes longer than to scale a price in it
            for one in listed:
                prices = [_whole(price, price_decimals) for price in (one.open, one.high, one.low, one.close)]
                columns.append(to_ms(one.open_time), prices, float(one.volume))
        return columns

    def append(self, open_time_ms: int, prices: Sequence[int], volume: float) -> None:
        """Add the next candle: open, high, low, close in the array's unit."""
        first, high, low, close = prices
        if self.open_time_ms and open_time_ms <= self.open_time_ms[-1]:
            raise InvalidInputError(
                f"the candle of {from_ms(open_time_ms)} comes after that of {from_ms(self.open_time_ms[-1])}"
            )
        if not 0 < low <= min(first, close) or not max(first, close) <= high < PRICE_LIMIT:
            raise InvalidInputError(f"the candle of {from_ms(open_time_ms)} contradicts itself: {list(prices)}")
        for column, value in zip(
            (self.open_time_ms, self.open, self.high, self.low, self.close), (open_time_ms, *prices), strict=True
        ):
            column.append(value)
        self.volume.append(volume)
