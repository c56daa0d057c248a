"""A year of minutes through the simulated exchange's own limits: never a 429, and as little weight as there is.

Four functions take turns as the workflow's Map lets them, each with a line of its own to the one shared budget. Who is
told to wait moves the wire's clock to the next minute, as the workflow's Wait state would.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
from sqlalchemy import insert, text

from infra.local.exchange.command_line import make_market
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from infra.local.exchange.times import from_ms, to_ms
from tests.fixtures.in_process_exchange import URL, InProcessAdapter, ManualClock
from tests.proofs.backtests import RULES, database_and_buckets
from tradebot.aws.object_store import S3ObjectStore
from tradebot.domain.market import MarketType
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest_setup import MarginBracket
from tradebot.engine.parameters import DEFAULT_FEES
from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue
from tradebot.exchange.weights import CANDLE_PAGE, CANDLE_PAGE_WEIGHT, WEIGHT_PER_MINUTE
from tradebot.models import User
from tradebot.repositories import backtests
from tradebot.repositories.session import session_scope
from tradebot.services.backtest_document import document_of
from tradebot.services.exchange_budget import ExchangeBudget
from tradebot.services.run_backtest.candle_cache import CandleCache
from tradebot.services.run_backtest.fetch import FetchCandles
from tradebot.services.run_backtest.funding_cache import FundingCache
from tradebot.services.run_backtest.market_line import MarketLine
from tradebot.services.run_backtest.plan import PlanBacktest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

FUNCTIONS = 4
CONFIG = {
    "symbol": "BTCUSDT", "timeframe": "1m", "leverage": 1, "strategy": "ema", "trailing_stop_active": False,
    "initial_capital": Decimal(10_000), "position_size_perc": Decimal(40), "position_size_fixed": None,
    "stop_loss_perc": Decimal(1), "take_profit_perc": Decimal(2), "trailing_stop_perc": None,
    "max_daily_loss_perc": None, "daily_target_perc": None, "max_daily_trades": None, "check_interval_seconds": 60,
    "ema_fast": 9, "ema_slow": 21, "ema_period": None, "rsi_period": 14, "rsi_oversold": 30, "rsi_overbought": 70,
    **{f"custom_{name}": None for name in (
        "ema_fast", "ema_slow", "rsi_period", "rsi_oversold", "rsi_overbought", "stop_loss", "take_profit",
        "trailing_stop",
    )},
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """What one request brings, and what it weighs."""

    candles: int
    weight: int


@dataclass(frozen=True)
class Fetched:
    """What came of it."""

    candles: int
    settlements: int
    #: Minutes that the workflow waited for.
    waited: int
    weight: int
    #: What the shared row counts of the last minute, and what the exchange has counted in it.
    booked: int
    counted: int
    #: Requests that the exchange refused, by what it answered.
    refused: dict[str, int]


def fetch(
    engine: Engine,
    market: MarketType,
    start_at: datetime,
    end_at: datetime,
    weight_limit: int,
    *,
    page: Page | None = None,
) -> Fetched:
    """Fetch a span; the exchange and the product know the same limit. AWS's environment and moto are the caller's.

    `page`: candles of a request and their weight, where they are to be others than the product's.
    """
    page = page or Page(CANDLE_PAGE[market], CANDLE_PAGE_WEIGHT[market])
    name = f"{market}-{page.candles}"
    settings = Settings(start_ms=to_ms(end_at + timedelta(minutes=10)))
    clock = ManualClock(to_ms(datetime(2026, 1, 1, 0, 0, 20, tzinfo=UTC)))
    exchange = Exchange(settings, make_market(settings), State(None), clock)
    exchange.traffic.weights[market.value] = weight_limit
    session = partial(session_scope, engine)
    with session(None) as opened:
        user_id = opened.scalars(
            insert(User).values(email=f"{name}@example.com", hashed_password="x").returning(User.id)
        ).one()
    with session(user_id) as opened:
        asked = document_of({**CONFIG, "position_type": market.value}, DEFAULT_FEES[market], RULES, MarginBracket())
        backtest_id = backtests.insert_backtest(opened, user_id, {
            "symbol": "BTCUSDT", "interval": Timeframe.M1, "start_date": start_at.isoformat(),
            "end_date": end_at.isoformat(), "parameters": asked, "initial_capital": 10_000.0, "market_type": market,
        })  # fmt: skip
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=f"fetched-{name}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    store = S3ObjectStore(lambda: s3, f"fetched-{name}")

    def line(environment: str, market_type: str) -> MarketLine:
        budget = ExchangeBudget(
            session, f"{environment}-{name}", "default", weight_limit, lambda: from_ms(clock.now_ms())
        )
        client: Any = make_client(Venue(URL, budget), environment, market_type)
        client._transport._client.session.mount(URL, InProcessAdapter(exchange))
        client.CANDLE_PAGE = page.candles
        return MarketLine(client, client, budget, page.candles, page.weight)

    plan = PlanBacktest(session, store, line)({"backtest_id": backtest_id, "user_id": user_id})
    steps = [FetchCandles(session, store, _always(line("live", market.value))) for _ in range(FUNCTIONS)]
    todo, running, waited = deque(plan["fetches"]), dict[int, Any](), 0
    while todo or running:
        for number in range(FUNCTIONS):
            if number not in running and todo:
                running[number] = todo.popleft()
        answers = {number: steps[number](event, lambda: 60_000) for number, event in running.items()}
        running = {number: running[number] for number, answer in answers.items() if not answer["is_finished"]}
        if len(running) == len(answers):  # all were told to wait: none of them may send before the next minute
            clock.sleep(max(answer["wait_seconds"] for answer in answers.values()) * 1_000)
            waited += 1
    cache, funding = CandleCache(store, market.value, "BTCUSDT", Timeframe.M1), FundingCache(store, "BTCUSDT")
    with engine.connect() as connection:
        booked = connection.execute(text("SELECT used_weight FROM exchange_limits WHERE venue = :venue"), {
            "venue": f"live-{name}"
        }).scalar_one()  # fmt: skip
    report = exchange.traffic.report()
    exchange.state.close()
    return Fetched(
        candles=sum(len(cache.load(block)) for block in cache.closed_months().values()),
        settlements=sum(len(json.loads(store.get(key))) for key in funding.known()),
        waited=waited,
        weight=report["total_weight"],
        booked=booked,
        counted=exchange.traffic._windows[market.value, "weight in process"][1],
        refused=dict(report["refused"]),
    )


def _always(line: MarketLine) -> Any:
    return lambda *_: line


#: The year that the proof fetches.
BEGIN, END = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
#: Futures by the largest page of each weight; the first is the product's.
FUTURES_PAGES = (Page(499, 2), Page(1_000, 5))


def fetch_years() -> Iterator[tuple[str, Fetched, int]]:
    """Fetch a year of each market at Binance's limits: market and page, what came of it, candles that there are."""
    wanted = (END - BEGIN) // timedelta(minutes=1)
    with database_and_buckets() as engine:
        for market, page in ((MarketType.SPOT, None), *((MarketType.FUTURES, page) for page in FUTURES_PAGES)):
            # The first month is fetched as a whole; what warms the indicators up lies in it.
            done = fetch(engine, market, BEGIN + timedelta(days=2), END, WEIGHT_PER_MINUTE[market], page=page)
            size = page.candles if page else CANDLE_PAGE[market]
            yield f"{market.value}, pages of {size}", done, wanted


def main() -> int:
    """Run the proof from the command line."""
    wrong = []
    for name, done, wanted in fetch_years():
        print(
            f"{name}: {done.candles:,} candles, {done.settlements:,} settlements of funding, weight {done.weight:,}"
            f" over {done.waited + 1} minutes, refused {sum(done.refused.values())}",
            flush=True,
        )
        if done.refused or done.candles != wanted or done.booked != done.counted:
            wrong.append(f"  {name}: {done}")
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
