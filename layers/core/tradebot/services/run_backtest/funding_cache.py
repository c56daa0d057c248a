"""Funding rates of one perpetual in the bucket, beside its candles: a file for each calendar month, written once.

As with candles, a month that has closed is kept for good, and of the month under way there are parts, each named after
the instant up to which it holds every settlement.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tradebot.domain.market import MarketType
from tradebot.domain.money import canonical
from tradebot.engine.backtest_setup import FundingRate
from tradebot.engine.candles import to_ms
from tradebot.services.run_backtest.candle_cache import VENUE, month_end, months_between

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradebot.aws.object_store import ObjectStore
    from tradebot.exchange.protocol import FundingSettlement
    from tradebot.repositories.pages import Record
    from tradebot.services.backtest_document import Span

#: Files that load side by side.
_LOADERS = 8


@dataclass(frozen=True, slots=True)
class FundingCache:
    """Knows the keys."""

    store: ObjectStore
    symbol: str

    @property
    def _path(self) -> str:
        return f"{VENUE}/futures/{self.symbol}/funding"

    def known(self) -> set[str]:
        """Return the keys of all files there are, of months and of parts."""
        return {*self.store.keys(f"candles/{self._path}/"), *self.store.keys(f"candle-parts/{self._path}/")}

    def key(self, month: str, until_ms: int) -> str:
        """Return where a month lies, or the part of it that ends earlier."""
        if until_ms >= to_ms(month_end(month)):
            return f"candles/{self._path}/{month}.json"
        return f"candle-parts/{self._path}/{month}/{until_ms:013d}.json"

    def save(self, month: str, settlements: Iterable[FundingSettlement], until_ms: int) -> None:
        """Store a month, or a part of it, unless it is there."""
        rows = [
            [to_ms(one.settled_at), canonical(one.rate), None if one.mark_price is None else canonical(one.mark_price)]
            for one in settlements
        ]
        self.store.put_new(self.key(month, until_ms), json.dumps(rows, separators=(",", ":")).encode())

    def load(self, span: Span) -> tuple[FundingRate, ...]:
        """Return the settlements of a span that were fetched, in order of time; nothing for a month without a file."""
        end_ms, known = span.bounds_ms[2], self.known()
        keys = []
        for month in months_between(span.start_at, span.end_at):
            whole, part = self.key(month, to_ms(month_end(month))), self.key(month, end_ms)
            keys += [whole] if whole in known else [part] if part in known else []
        with ThreadPoolExecutor(_LOADERS) as pool:
            months = list(pool.map(self._rows, keys))
        return tuple(row for rows in months for row in rows if row.at_ms < end_ms)

    def _rows(self, key: str) -> list[FundingRate]:
        return [
            FundingRate(at_ms, Decimal(rate), None if mark is None else Decimal(mark))
            for at_ms, rate, mark in json.loads(self.store.get(key))
        ]


def funding_of(store: ObjectStore, row: Record, span: Span) -> tuple[FundingRate, ...]:
    """Return the funding history that a backtest uses: none on spot."""
    return FundingCache(store, row.symbol).load(span) if row.market_type == MarketType.FUTURES else ()
