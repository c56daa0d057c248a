"""What the steps of the backtest workflow call, and what the API asks of the first."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tradebot.bootstrap.buckets import candle_store, report_store
from tradebot.bootstrap.database import open_session
from tradebot.bootstrap.messages import request_mail
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.services.run_backtest.collect import CollectBacktest
    from tradebot.services.run_backtest.fail import FailBacktest
    from tradebot.services.run_backtest.fetch import FetchCandles
    from tradebot.services.run_backtest.market_facts import ReadMarketFacts
    from tradebot.services.run_backtest.market_line import MarketLine
    from tradebot.services.run_backtest.plan import PlanBacktest
    from tradebot.services.run_backtest.simulate import SimulateBacktest


@cache
def public_markets() -> Callable[[str, str], MarketLine]:
    """Return the process's lines to public market data (BINANCE_LIVE_*_URL, EXCHANGE_EGRESS, DATABASE_*).

    ccxt is loaded by the first.
    """
    from tradebot.exchange.ccxt_client import make_client
    from tradebot.exchange.transport import Venue
    from tradebot.exchange.weights import CANDLE_PAGE, CANDLE_PAGE_WEIGHT, WEIGHT_PER_MINUTE
    from tradebot.services.exchange_budget import ExchangeBudget
    from tradebot.services.market_cache import MarketCache
    from tradebot.services.run_backtest.market_line import MarketLine

    settings = load_settings()

    @cache
    def market(environment: str, market_type: str) -> MarketLine:
        name, limit = f"{environment}-{market_type}", WEIGHT_PER_MINUTE[market_type]
        budget = ExchangeBudget(open_session(), name, settings.exchange_egress, limit)
        client = make_client(Venue(settings.binance_url(environment, market_type), budget), environment, market_type)
        shared = MarketCache(open_session(), name, client)
        return MarketLine(shared, client, budget, CANDLE_PAGE[market_type], CANDLE_PAGE_WEIGHT[market_type])

    return market


@cache
def read_market_facts() -> ReadMarketFacts:
    """Return what asks the exchange what can be tested (see `public_markets`)."""
    from tradebot.services.run_backtest.market_facts import ReadMarketFacts

    return ReadMarketFacts(public_markets())


@cache
def plan_backtest() -> PlanBacktest:
    """Return the first step of a backtest (DATABASE_*, CANDLE_BUCKET, and see `public_markets`)."""
    from tradebot.services.run_backtest.plan import PlanBacktest

    return PlanBacktest(open_session(), candle_store(), public_markets())


@cache
def fail_backtest() -> FailBacktest:
    """Return the step that a failure leads to (DATABASE_*, MAINTENANCE_FUNCTION)."""
    from tradebot.services.run_backtest.fail import FailBacktest

    return FailBacktest(open_session(), request_mail())


@cache
def fetch_candles() -> FetchCandles:
    """Return the step that fills the bucket (DATABASE_*, CANDLE_BUCKET, and see `public_markets`)."""
    from tradebot.services.run_backtest.fetch import FetchCandles

    return FetchCandles(open_session(), candle_store(), public_markets())


@cache
def simulate_backtest() -> SimulateBacktest:
    """Return the step that runs the engine (DATABASE_*, CANDLE_BUCKET, REPORT_BUCKET)."""
    from tradebot.services.run_backtest.simulate import SimulateBacktest

    return SimulateBacktest(open_session(), candle_store(), report_store())


@cache
def collect_backtest() -> CollectBacktest:
    """Return the last step (DATABASE_*, CANDLE_BUCKET, REPORT_BUCKET, MAINTENANCE_FUNCTION)."""
    from tradebot.services.run_backtest.breakdowns import break_down
    from tradebot.services.run_backtest.collect import CollectBacktest

    return CollectBacktest(open_session(), candle_store(), report_store(), break_down, request_mail())
