"""The candles of one backtest, month by month, at most two of them in memory."""

from __future__ import annotations

from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tradebot.engine.candles import to_ms
from tradebot.services.run_backtest.candle_cache import CandleCache, month_start, months_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradebot.aws.object_store import ObjectStore
    from tradebot.engine.candles import CandleArray
    from tradebot.repositories.pages import Record
    from tradebot.services.backtest_document import Span
    from tradebot.services.run_backtest.candle_cache import Block


@dataclass(frozen=True, slots=True)
class CandleStream:
    """Knows the blocks of a span."""

    cache: CandleCache
    span: Span
    blocks: list[Block] = field(default_factory=list)

    @staticmethod
    def of(store: ObjectStore, row: Record, span: Span) -> CandleStream:
        """Find the blocks. Raises NotFoundError where one was never fetched."""
        cache = CandleCache(store, row.market_type, row.symbol, row.interval)
        closed, end_ms = cache.closed_months(), span.bounds_ms[2]
        months = months_between(span.warm_up_at, span.end_at)
        return CandleStream(cache, span, [cache.find(month, end_ms, closed) for month in months])

    @property
    def price_decimals(self) -> int:
        """Return decimals that hold every price of the span."""
        return max(block.price_decimals for block in self.blocks)

    def read(self, from_ms: int) -> Iterator[CandleArray]:
        """Yield the candles that open at or after `from_ms` and close by the span's end."""
        end_ms = self.span.bounds_ms[2]
        for candles in self._opening(from_ms, end_ms):
            # Only the last ones can be too long, if the span does not end where one of them does.
            stop = len(candles)
            while stop and candles.close_time_ms(stop - 1) > end_ms:
                stop -= 1
            if stop:
                yield candles if stop == len(candles) else candles[:stop]

    def _opening(self, from_ms: int, before_ms: int) -> Iterator[CandleArray]:
        """Yield the candles that open in [from, before), in one precision; the next month loads meanwhile."""
        wanted = [one for one in self.blocks if one.until_ms > from_ms and to_ms(month_start(one.month)) < before_ms]
        if not wanted:
            return
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.cache.load, wanted[0])
            for number in range(len(wanted)):
                candles = coming.result()
                if number + 1 < len(wanted):
                    coming = pool.submit(self.cache.load, wanted[number + 1])
                begin = bisect_left(candles.open_time_ms, from_ms)
                stop = bisect_left(candles.open_time_ms, before_ms)
                if stop > begin:
                    part = candles if stop - begin == len(candles) else candles[begin:stop]
                    yield part.with_price_decimals(self.price_decimals)

    def count_before_start(self) -> int:
        """Return how many candles open in the warm-up."""
        warm_up_ms, start_ms, _ = self.span.bounds_ms
        return sum(len(candles) for candles in self._opening(warm_up_ms, start_ms))
