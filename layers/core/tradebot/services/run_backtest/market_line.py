"""What a backtest asks of a market: filters as bots share them, candles of any past, within the shared limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.timeframe import Timeframe
from tradebot.errors import DatabaseUnavailableError
from tradebot.exchange.gate import Urgency
from tradebot.observability import logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tradebot.domain.candle import Candle
    from tradebot.domain.symbol import SymbolRules
    from tradebot.exchange.protocol import FundingSettlement, MarketData, MarketHistory
    from tradebot.services.exchange_budget import ExchangeBudget


@dataclass(frozen=True, slots=True)
class MarketLine:
    """One market of one environment. Candles go to the bucket, so they are not kept in the database as well."""

    shared: MarketData
    source: MarketHistory
    budget: ExchangeBudget
    #: Candles of a page, and what it weighs.
    page: int
    page_weight: int

    def symbol_rules(self, symbol: str) -> SymbolRules:
        """Return the symbol's filters; OrderRejectedError where the exchange does not list it."""
        return self.shared.symbol_rules(symbol)

    def first_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        """Return when the first candle that there is opened; None where there is none."""
        return self.source.first_candle_at(symbol, timeframe)

    def newest_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        """Return when the newest candle opened, which has not closed yet; None where there is none."""
        return self.source.newest_candle_at(symbol, timeframe)

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> Sequence[Candle]:
        """Return the candles that open in [start_at, end_at), oldest first.

        Their weight is taken from the share that entries may use, so that no backtest keeps a bot from its exit.
        """
        # One more where the last page is full: only the next one tells that there is no more.
        pages = math.floor((end_at - start_at).total_seconds() / Timeframe(timeframe).seconds / self.page) + 1
        self.budget.reserve(Urgency.ENTRY, pages * self.page_weight)
        return self.source.candles(symbol, timeframe, start_at, end_at)

    def funding_settlements(self, symbol: str, start_at: datetime, end_at: datetime) -> Sequence[FundingSettlement]:
        """Return what a perpetual settled in [start_at, end_at), oldest first."""
        self.budget.reserve(Urgency.ENTRY, 1)
        return self.source.funding_settlements(symbol, start_at, end_at)

    def settle(self) -> None:
        """Give back the weight that a step has reserved and not used."""
        try:
            self.budget.settle()
        except DatabaseUnavailableError as error:
            logger().warning("request weight not settled", venue=self.budget.venue, reason=error.message)
