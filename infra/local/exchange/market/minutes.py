"""A market whose minutes are known in advance: it stands at the open of one of them and is advanced from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from infra.local.exchange.decimals import ceil_to, floor_to, from_units, share_of
from infra.local.exchange.market.candle import Candle, bucket_end, bucket_start, merge
from infra.local.exchange.times import DAY_MS, MINUTE_MS

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.instruments import Instrument, Instruments, MarketKind
    from infra.local.exchange.market.candle import MinuteSource

_CACHED_CANDLES = 50_000


class Quote(NamedTuple):
    """What a taker pays and gets now: the last price with slippage, against the taker, on the price grid."""

    last: Decimal
    bid: Decimal
    ask: Decimal


class Day(NamedTuple):
    """The last 24 hours: a candle of all minutes that are known, and when it began and ended."""

    candle: Candle
    opens_ms: int
    closes_ms: int


class Market(Protocol):
    """What orders and market routes ask of any market."""

    instruments: Instruments

    def now_ms(self) -> int:
        """Return market time."""
        ...

    def quote(self, instrument: Instrument) -> Quote:
        """Return the prices at which a taker trades now."""
        ...

    def quote_at(self, instrument: Instrument, last: Decimal) -> Quote:
        """Return the prices at which a taker would trade where the last price was `last`."""
        ...

    def average_price(self, instrument: Instrument) -> Decimal:
        """Return the mean price of the last five minutes, which spot filters use."""
        ...


def with_slippage(instrument: Instrument, last: Decimal, bid: Decimal, ask: Decimal, bps: Decimal) -> Quote:
    """Worsen bid and ask by `bps`, rounded against the taker to a tick."""
    tick = instrument.tick_size
    return Quote(last, floor_to(bid - share_of(bid, bps), tick), ceil_to(ask + share_of(ask, bps), tick))


class MinuteMarket:
    """Prices, klines and day statistics as they are known at market time."""

    def __init__(self, source: MinuteSource, instruments: Instruments, start_ms: int, slippage_bps: Decimal) -> None:
        self.instruments = instruments
        self.source = source
        self._now_ms = start_ms
        self._slippage_bps = slippage_bps
        self._closed: dict[tuple[MarketKind, str, str, int], Candle | None] = {}

    def now_ms(self) -> int:
        """Return market time: the open of the minute at which the market stands."""
        return self._now_ms

    def identity(self) -> str:
        """Describe what prices and fills depend on."""
        return f"{self.source.identity()} slippage={self._slippage_bps}bps"

    def first_ms(self) -> int:
        """Return the open of the first minute there is."""
        return self.source.first_ms

    def end_ms(self) -> int | None:
        """Return the close of the last known minute, where the market must stop; None: it never ends."""
        return None if self.source.last_ms is None else self.source.last_ms + MINUTE_MS

    def stand_at(self, now_ms: int) -> None:
        """Move to the open of another minute, matching nothing."""
        self._now_ms = now_ms

    def last_price(self, instrument: Instrument) -> Decimal:
        """Return the open at which the market stands, or in a gap the last close."""
        return self.price_at(instrument, self._now_ms)

    def price_at(self, instrument: Instrument, open_ms: int) -> Decimal:
        """Return the open of a minute, or in a gap the close before it."""
        candle = self.source.candle(instrument.kind, instrument.symbol, open_ms)
        if candle is not None:
            return from_units(candle.open)
        close = self.source.close_before(instrument.kind, instrument.symbol, open_ms)
        return from_units(close or 0)

    def quote(self, instrument: Instrument) -> Quote:
        """Return the prices at which a taker trades now."""
        return self.quote_at(instrument, self.last_price(instrument))

    def quote_at(self, instrument: Instrument, last: Decimal) -> Quote:
        """Return the prices at which a taker would trade where the last price was `last`."""
        return with_slippage(instrument, last, last, last, self._slippage_bps)

    def average_price(self, instrument: Instrument) -> Decimal:
        """Return the mean close of the last five closed minutes; before the first of them, the last price."""
        closes = [
            candle.close
            for step in range(1, 6)
            if (candle := self.source.candle(instrument.kind, instrument.symbol, self._now_ms - step * MINUTE_MS))
        ]
        return from_units(sum(closes) // len(closes)) if closes else self.last_price(instrument)

    def klines(
        self, instrument: Instrument, interval: str, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]:
        """Return candles that open within [start, end], the newest `limit` of them where no start is given.

        The last one is the forming candle, as on Binance: what is known of it at market time.
        """
        newest = self._now_ms if end_ms is None else min(end_ms, self._now_ms)
        found: list[Candle] = []
        if start_ms is not None:
            at = bucket_start(interval, max(start_ms, self.source.first_ms))
            if at < start_ms:
                at = bucket_end(interval, at)
            while at <= newest and len(found) < limit:
                found.extend(self._bucket(instrument, interval, at))
                at = bucket_end(interval, at)
            return found
        at = bucket_start(interval, newest)
        oldest = bucket_start(interval, self.source.first_ms)
        while at >= oldest and len(found) < limit:
            found.extend(self._bucket(instrument, interval, at))
            at = bucket_start(interval, at - 1)
        found.reverse()
        return found

    def day(self, instrument: Instrument) -> Day:
        """Return the last 24 hours up to market time."""
        opens_ms = self._now_ms - DAY_MS
        candle = merge(opens_ms, self._minutes(instrument, opens_ms, self._now_ms + MINUTE_MS))
        price = self.last_price(instrument)
        flat = int(price.scaleb(8))
        return Day(candle or Candle(opens_ms, flat, flat, flat, flat, 0), opens_ms, self._now_ms)

    def _bucket(self, instrument: Instrument, interval: str, at: int) -> list[Candle]:
        """Return the one candle that opens at `at`, or none where the data has none."""
        ends = bucket_end(interval, at)
        candle: Candle | None
        if interval == "1m" and at < self._now_ms:  # the common case needs no merging
            candle = self.source.candle(instrument.kind, instrument.symbol, at)
        elif ends > self._now_ms:
            candle = merge(at, self._minutes(instrument, at, ends))
        else:
            key = (instrument.kind, instrument.symbol, interval, at)
            if key not in self._closed:
                if len(self._closed) >= _CACHED_CANDLES:
                    self._closed.clear()
                self._closed[key] = merge(at, self._minutes(instrument, at, ends))
            candle = self._closed[key]
        return [] if candle is None else [candle]

    def _minutes(self, instrument: Instrument, start_ms: int, end_ms: int) -> list[Candle]:
        """Return the minutes within [start, end) as known now: the one at market time has only its open."""
        kind, symbol, candle = instrument.kind, instrument.symbol, self.source.candle
        first = max(start_ms, self.source.first_ms)
        first += -first % MINUTE_MS
        closed = [one for at in range(first, min(end_ms, self._now_ms), MINUTE_MS) if (one := candle(kind, symbol, at))]
        if start_ms <= self._now_ms < end_ms:
            forming = candle(kind, symbol, self._now_ms)
            if forming is not None:
                price = forming.open
                closed.append(Candle(self._now_ms, price, price, price, price, 0))
        return closed
