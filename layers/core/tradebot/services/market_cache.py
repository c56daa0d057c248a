"""A market as all bots share it: filters and closed candles from Postgres, read from the exchange once for everybody.

Of many workers that lack the same thing one claims it, asks the exchange and stores it; the others wait a moment and
read again. Nobody holds a database connection while the exchange answers or while waiting.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tradebot.domain.timeframe import Timeframe
from tradebot.errors import ExchangeUnavailableError, MarketClosedError
from tradebot.repositories.market_cache import (
    CandleView,
    Series,
    claim_market,
    claim_series,
    find_symbol,
    read_candles,
    release_market,
    release_series,
    store_candles,
    store_symbols,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.symbol import ListedSymbol, SymbolRules
    from tradebot.exchange.protocol import MarketSource
    from tradebot.services.user_sessions import OpenSession

#: How long a worker waits for another one's answer before it leaves the rest to its next tick.
PATIENCE_SECONDS = 8.0
#: Between its looks, each half as long again as the one before: most answers take a few milliseconds or a tenth of a
#: second, and a look is one statement.
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.08
RULES_KEPT_SECONDS = 3_600.0
#: For so long after its close the exchange may still add to a candle, unless a later one has begun to trade.
SETTLING_MS = 2_000
_MOMENT = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class MarketCache:
    """One venue's market data. For one thread."""

    open_session: OpenSession
    venue: str
    source: MarketSource
    #: Filters by symbol, with the monotonic second of their reading: the venue's accounts round by them.
    rules: dict[str, tuple[float, SymbolRules]] = field(default_factory=dict)
    #: Seconds spent on waiting for another worker's request, or for a candle that may still change.
    waited_seconds: float = 0.0

    def price(self, symbol: str) -> Decimal:
        """Return the price of the last trade, asked now."""
        return self.source.price(symbol)

    def trading_price(self, symbol: str) -> Decimal | None:
        """Return it; None where the symbol is halted."""
        return self.source.trading_price(symbol)

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> Sequence[Candle]:
        """Return the closed candles that open in [start_at, end_at), oldest first. The last one must have closed."""
        return self._view(Series(self.venue, symbol, str(timeframe)), start_at, end_at, with_opening=False).candles

    def candles_and_price(
        self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime
    ) -> tuple[Sequence[Candle], Decimal | None]:
        """As `candles`, and the price of the last trade where the exchange was asked for them and told it along."""
        view = self._view(Series(self.venue, symbol, str(timeframe)), start_at, end_at, with_opening=False)
        return view.candles, view.price

    def candles_with_opening(
        self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime
    ) -> tuple[Sequence[Candle], Decimal | None]:
        """As `candles`, and the first price of the candle that opens at `end_at`; None before its first trade."""
        view = self._view(Series(self.venue, symbol, str(timeframe)), start_at, end_at, with_opening=True)
        return view.candles, view.opening_price

    def symbol_rules(self, symbol: str) -> SymbolRules:
        """Return the symbol's filters, at most an hour old unless the exchange does not answer."""
        now = time.monotonic()
        read_at, rules = self.rules.get(symbol, (0.0, None))
        if rules is None or now - read_at > RULES_KEPT_SECONDS:
            listed = self._listed(symbol)
            if listed is None:
                raise MarketClosedError(f"the exchange does not trade {symbol}")
            rules = listed.rules
            self.rules[symbol] = (now, rules)
        return rules

    def _view(self, series: Series, start_at: datetime, end_at: datetime, *, with_opening: bool) -> CandleView:
        waiting = _Waiting(f"{series.symbol}'s candles")
        while True:
            with self.open_session(None) as session:
                view = read_candles(session, series, start_at, end_at, with_opening=with_opening)
                claimed = None if view.is_complete or view.is_being_read else claim_series(session, series)
                if claimed is not None and claimed.answered_at != view.answered_at:
                    # Another worker has read it since this one looked.
                    view = read_candles(session, series, start_at, end_at, with_opening=with_opening)
                    if view.is_complete:
                        release_series(session, claimed.series_id)
            if view.is_complete:
                return view
            if claimed is not None:
                return self._fetch_candles(series, claimed.series_id, start_at, end_at)
            self._sleep(waiting.next_pause())

    def _fetch_candles(self, series: Series, series_id: int, start_at: datetime, end_at: datetime) -> CandleView:
        try:
            closed, opening, price = self._ask(series, start_at, end_at)
        except BaseException:
            with self.open_session(None) as session:
                release_series(session, series_id)
            raise
        timeframe = Timeframe(series.timeframe)
        covered_to = timeframe.close_of(closed[-1].open_time) if closed and opening is None else end_at
        if not closed and opening is None:
            covered_to = start_at
        with self.open_session(None) as session:
            store_candles(
                session,
                series_id,
                closed,
                covered=(start_at, covered_to),
                answered_to=end_at,
                opening=opening,
            )
        return CandleView(closed, None if opening is None else opening.open, is_complete=True, price=price)

    def _ask(
        self, series: Series, start_at: datetime, end_at: datetime
    ) -> tuple[list[Candle], Candle | None, Decimal | None]:
        """Return the closed candles, the one that has opened at the end, if it has, and the price of the last trade."""
        # One more: where it has opened too, the one before it has closed, and not in the price as it is now.
        next_at = Timeframe(series.timeframe).close_of(end_at)
        while True:
            listed = self.source.candles(series.symbol, series.timeframe, start_at, next_at + _MOMENT)
            closed = [candle for candle in listed if candle.open_time < end_at]
            opening = next((candle for candle in listed if candle.open_time == end_at), None)
            # What is stored never changes, so the newest candle must not either.
            settling_ms = SETTLING_MS - (self.source.wire_now_ms() - (end_at - _EPOCH) // _MOMENT)
            if opening is not None or not closed or not 0 < settling_ms <= 2 * SETTLING_MS:
                return closed, opening, listed[-1].close if listed and listed[-1].open_time >= end_at else None
            self._sleep(settling_ms / 1000)

    def _listed(self, symbol: str) -> ListedSymbol | None:
        waiting = _Waiting("the list of symbols")
        while True:
            with self.open_session(None) as session:
                view = find_symbol(session, self.venue, symbol)
                is_claimed = (view is None or not view.is_fresh) and claim_market(session, self.venue)
            if is_claimed:
                try:
                    return self._fetch_listing(symbol)
                except ExchangeUnavailableError:
                    if view is None or view.listed is None:
                        raise
            if view is not None and (view.is_fresh or view.listed is not None):
                return view.listed
            self._sleep(waiting.next_pause())

    def _fetch_listing(self, symbol: str) -> ListedSymbol | None:
        try:
            listing = self.source.listing()
        except BaseException:
            with self.open_session(None) as session:
                release_market(session, self.venue)
            raise
        with self.open_session(None) as session:
            store_symbols(session, self.venue, listing)
        return next((one for one in listing if one.rules.symbol == symbol), None)

    def _sleep(self, seconds: float) -> None:
        began = time.perf_counter()
        time.sleep(seconds)
        self.waited_seconds += time.perf_counter() - began


@dataclass(slots=True)
class _Waiting:
    """How long to wait before the next look at what another worker reads."""

    what: str
    pause: float = FIRST_PAUSE_SECONDS
    gives_up_at: float = field(default_factory=lambda: time.monotonic() + PATIENCE_SECONDS)

    def next_pause(self) -> float:
        """Return seconds; raise once patience has ended."""
        if time.monotonic() >= self.gives_up_at:
            raise ExchangeUnavailableError(f"Another worker is still reading {self.what}; the next tick tries again.")
        pause, self.pause = self.pause, min(1.5 * self.pause, LONGEST_PAUSE_SECONDS)
        return pause * random.uniform(0.5, 1.5)  # noqa: S311  spreads the waiting, hides nothing
