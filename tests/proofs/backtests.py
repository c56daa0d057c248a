"""Chunked equals unchunked: backtests through the workflow's own steps, cut, shuffled, killed and run again at random.

Every run has buckets of its own, real S3 calls (moto), a real row in Postgres, candles fetched in random order, the
simulation cut at random candles and ended early at random, and steps that are killed before or after any write. What
comes out has to be the bytes that one call of the engine over all candles gives.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import boto3
from moto import mock_aws
from sqlalchemy import insert

from infra.local.cloud.aws_environment import isolated_aws_environment
from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from infra.local.state import state_root
from tests.fixtures.candles import minutes
from tests.fixtures.database import TestServer, copied, made_template
from tradebot.aws.object_store import S3ObjectStore
from tradebot.domain.candle import Candle
from tradebot.domain.market import MarketType
from tradebot.domain.symbol import SymbolRules
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest_setup import FundingRate, MarginBracket
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.engine.parameters import DEFAULT_FEES
from tradebot.engine.simulate import simulate
from tradebot.engine.statistics.report import build_report
from tradebot.exchange.protocol import FundingSettlement
from tradebot.models import User
from tradebot.report.csv_tables import days_csv, months_csv, trades_csv
from tradebot.report.html_page import page
from tradebot.report.picture import picture_of
from tradebot.report.result import Result
from tradebot.repositories import backtests
from tradebot.repositories.session import make_engine, session_scope
from tradebot.services import exchange_budget
from tradebot.services.backtest_document import document_of, parameters_of, setup_of, warm_up_start
from tradebot.services.run_backtest.breakdowns import break_down
from tradebot.services.run_backtest.collect import CollectBacktest
from tradebot.services.run_backtest.fetch import FetchCandles
from tradebot.services.run_backtest.notes import notes_of
from tradebot.services.run_backtest.plan import PlanBacktest
from tradebot.services.run_backtest.run_files import RunFiles
from tradebot.services.run_backtest.simulate import SimulateBacktest
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Engine

BEGIN: Final = datetime(2022, 12, 20, tzinfo=UTC)
START: Final = datetime(2023, 1, 3, 7, 30, tzinfo=UTC)
END: Final = datetime(2023, 3, 9, 18, tzinfo=UTC)
STEP: Final = timedelta(minutes=15)
RULES: Final = SymbolRules("BTCUSDT", "BTC", "USDT", *map(Decimal, ("0.01", "0.00001", "0.00001", "120", "5")))


#: What `metrics` has beside the report.
ADDED: Final = {"quote_asset", "base_asset", "notes", "breakdowns", "equity_curve"}


class KilledError(BaseException):
    """The function's process is gone; nothing in it may catch that."""


@dataclass
class Killing:
    """A bucket whose caller is killed now and then, before a write or right after it."""

    store: S3ObjectStore
    chance: random.Random
    odds: float

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if name not in {"get", "put", "put_new", "keys"}:
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            if self.chance.random() < self.odds / 2:
                raise KilledError
            answer = found(*arguments, **options)
            if self.chance.random() < self.odds / 2:
                raise KilledError
            return answer

        return call


@dataclass
class Exchange:
    """Candles as an exchange has them, some missing."""

    candles: Sequence[Candle]

    def candles_between(self, start_at: datetime, end_at: datetime) -> list[Candle]:
        return [one for one in self.candles if start_at <= one.open_time < end_at]

    def newest_candle_at(self, _symbol: str, _timeframe: str) -> datetime:
        return self.candles[-1].open_time


class Line:
    """The part of MarketData that the steps ask."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.newest_candle_at = exchange.newest_candle_at

    def funding_settlements(self, _symbol: str, start_at: datetime, end_at: datetime) -> list[FundingSettlement]:
        return [one for one in funding_history() if start_at <= one.settled_at < end_at]

    def settle(self) -> None:
        """Nothing was reserved."""

    def candles(self, _symbol: str, _timeframe: str, start_at: datetime, end_at: datetime) -> list[Candle]:
        return self._exchange.candles_between(start_at, end_at)


def market_candles(seed: int) -> list[Candle]:
    """Return quarters of an hour with two holes, one of them over the end of a month."""
    made = []
    count = (datetime(2023, 3, 12, tzinfo=UTC) - BEGIN) // STEP
    for number, (_, cents) in enumerate(minutes(BEGIN, count, seed=seed)):
        at = BEGIN + number * STEP
        is_missing = (
            datetime(2023, 1, 31, 22, tzinfo=UTC) <= at < datetime(2023, 2, 1, 3, tzinfo=UTC) or number == 3_000
        )
        if not is_missing:
            first, high, low, last = (Decimal(cent).scaleb(-2) for cent in cents)
            made.append(Candle(at, first, high, low, last, Decimal(10)))
    return made


def funding_history() -> list[FundingSettlement]:
    """Return settlements as Binance stamps them, some milliseconds late, the first ones without a mark price."""
    first_at, chance, made = datetime(2023, 1, 10, tzinfo=UTC), random.Random(7), []
    for number in range(3 * 60):
        at = first_at + number * timedelta(hours=8) + timedelta(milliseconds=chance.randrange(9))
        mark = None if number < 9 else Decimal(2_000_000 + chance.randrange(99_999)).scaleb(-2)
        made.append(FundingSettlement(at, Decimal(chance.randrange(-300, 400)).scaleb(-6), mark))
    return made


def document(market: MarketType, chance: random.Random) -> dict[str, Any]:
    """Return what one backtest is asked for."""
    config = {
        "symbol": "BTCUSDT", "timeframe": "15m", "position_type": market.value, "leverage": 3,
        "strategy": chance.choice(["simple", "ema"]), "trailing_stop_active": chance.random() < 0.5,
        "initial_capital": Decimal(10_000), "position_size_perc": Decimal(40), "position_size_fixed": None,
        "stop_loss_perc": Decimal("1.2"), "take_profit_perc": Decimal("2.5"),
        "trailing_stop_perc": Decimal("0.9"), "max_daily_loss_perc": Decimal(3), "daily_target_perc": None,
        "max_daily_trades": 6, "check_interval_seconds": 60, "ema_fast": 9, "ema_slow": 21, "ema_period": None,
        "rsi_period": 14, "rsi_oversold": 30, "rsi_overbought": 70,
        **{f"custom_{name}": None for name in (
            "ema_fast", "ema_slow", "rsi_period", "rsi_oversold", "rsi_overbought", "stop_loss", "take_profit",
            "trailing_stop",
        )},
    }  # fmt: skip
    return document_of(config, DEFAULT_FEES[market], RULES, MarginBracket())


def in_one_piece(asked: dict[str, Any], candles: Sequence[Candle]) -> dict[str, bytes]:
    """Return what one call of the engine over all candles gives, as the files and the report's JSON."""
    parameters = parameters_of(asked)
    first = warm_up_start(parameters, START)
    wanted = [one for one in candles if first <= one.open_time and one.open_time + STEP <= END]
    columns = CandleArray.from_candles(wanted, Timeframe.M15)
    warm_up = sum(one.open_time < START for one in wanted)
    is_futures = asked["config"]["position_type"] == "futures"
    funding = tuple(
        FundingRate(to_ms(one.settled_at), one.rate, one.mark_price)
        for one in (funding_history() if is_futures else ())
        if datetime(2023, 1, 1, tzinfo=UTC) <= one.settled_at < END
    )
    setup = setup_of(asked, price_decimals=columns.price_decimals, warm_up=warm_up, funding=funding)
    state, output = simulate(setup, columns)
    result = Result(setup, output, state, build_report(setup, state, columns, output))
    picture = picture_of(setup, output, [columns[warm_up:]])
    return {
        "state": state.to_bytes(),
        "trades.csv": trades_csv(result).encode(),
        "daily.csv": days_csv(result).encode(),
        "monthly.csv": months_csv(result).encode(),
        "report.html": page(picture, result, notes_of(START, result)).encode(),
        "report": json.dumps(result.report.to_json(), sort_keys=True).encode(),
    }


@dataclass
class Case:
    """One backtest on its way through the steps."""

    engine: Engine
    user_id: int
    number: int

    def __post_init__(self) -> None:
        self.chance = random.Random(self.number)
        s3 = boto3.client("s3")
        for kind in ("candles", "reports"):
            s3.create_bucket(
                Bucket=f"{kind}-{self.number}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
        self.candles = S3ObjectStore(lambda: s3, f"candles-{self.number}")
        self.reports = S3ObjectStore(lambda: s3, f"reports-{self.number}")
        self.exchange = Exchange(market_candles(self.number))
        self.killed = self.simulations = 0
        self.is_futures = False

    def run(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return what came out, and what has to."""
        market = self.chance.choice(list(MarketType))
        self.is_futures = market is MarketType.FUTURES
        asked = document(market, self.chance)
        session = partial(session_scope, self.engine)
        with session(self.user_id) as opened:
            backtest_id = backtests.insert_backtest(opened, self.user_id, {
                "symbol": "BTCUSDT", "interval": Timeframe.M15, "start_date": START.isoformat(),
                "end_date": END.isoformat(), "parameters": asked, "initial_capital": 10_000.0, "market_type": market,
            })  # fmt: skip
        odds = self.chance.choice([0.0, 0.05, 0.2])
        candles: Any = Killing(self.candles, self.chance, odds)
        reports: Any = Killing(self.reports, self.chance, odds)
        line: Any = Line(self.exchange)
        ids = {"backtest_id": backtest_id, "user_id": self.user_id}
        plan = self._until_done(lambda: PlanBacktest(session, candles, lambda *_: line)(ids))
        fetches = list(plan["fetches"])
        self.chance.shuffle(fetches)
        for one in fetches:
            self._until_done(partial(FetchCandles(session, candles, lambda *_: line), one, lambda: 60_000))
        simulation = plan["simulation"]
        while not simulation["is_finished"]:
            step = SimulateBacktest(session, candles, reports, slice_candles=self.chance.randint(7, 4_000))
            given = {"backtest": ids, "simulation": simulation}
            simulation = self._until_done(partial(step, given, self._remaining))
            self.simulations += 1
        collect = CollectBacktest(session, candles, reports, break_down, lambda: None)
        self._until_done(partial(collect, {"backtest": ids, "simulation": simulation}))
        return self._outcome(session, backtest_id, simulation["reached_ms"]), in_one_piece(asked, self.exchange.candles)

    def _remaining(self) -> int:
        return self.chance.choice([5_000, 90_000, 90_000])

    def _until_done(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except KilledError:
                self.killed += 1

    def _outcome(self, session: Any, backtest_id: int, reached_ms: int) -> dict[str, bytes]:
        files = RunFiles(self.reports, self.user_id, backtest_id)
        with session(self.user_id) as opened:
            row = backtests.get_results(opened, self.user_id, backtest_id)
        assert row.status.value == "succeeded"
        told = {name: row.metrics[name] for name in row.metrics if name not in ADDED}
        report = {**told, "days": row.daily_results, "months": row.monthly_results}
        names = ("trades.csv", "daily.csv", "monthly.csv", "report.html")
        return {
            "state": files.load_state(reached_ms).state.to_bytes(),
            **{name: self.reports.get(f"{files.prefix}{name}") for name in names},
            "report": json.dumps(report, sort_keys=True).encode(),
        }


@dataclass
class Report:
    """What was seen."""

    runs: int = 0
    #: Steps that were killed and run again; simulate steps that ended early; runs by their market.
    killed: int = 0
    simulations: int = 0
    futures: int = 0
    trades: int = 0


def prove(engine: Engine, runs: int, progress: Callable[[int], None] = lambda _done: None) -> Report:
    """Run so many backtests and hold each to the one in one piece. Raises AssertionError.

    `engine` works as app_worker would, but may add rows; moto's S3 and AWS's environment are the caller's.
    """
    with session_scope(engine, None) as session:
        user_id: int = session.scalars(
            insert(User).values(email="prover@example.com", hashed_password="x").returning(User.id)
        ).one()
    report = Report()
    for number in range(runs):
        case = Case(engine, user_id, number)
        came_out, has_to = case.run()
        for name, content in has_to.items():
            assert came_out[name] == content, f"run {number}: {name} differs"
        report.runs += 1
        report.killed += case.killed
        report.simulations += case.simulations
        report.futures += case.is_futures
        report.trades += has_to["trades.csv"].count(b"\n") - 1
        progress(report.runs)
    return report


@contextmanager
def database_and_buckets() -> Iterator[Engine]:
    """Give a migrated database beside moto's AWS, for a proof that runs from the command line."""
    embedded = EmbeddedPostgres(state_root() / "tests" / "postgres", settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    # An invocation's metrics, of which there is none, would be printed.
    quiet = patch.object(exchange_budget, "count")
    with embedded as url, isolated_aws_environment("eu-central-1"), mock_aws(), quiet:
        server = TestServer(url, embedded.superuser_url)
        with copied(server, made_template(server)) as database:
            engine = make_engine(Settings({"DATABASE_URL": database.superuser_url}))
            yield engine
            engine.dispose()


#: How often each has to be seen in a hundred runs.
LEAST: Final = {"killed": 1_000, "simulations": 250, "futures": 20, "trades": 5_000}


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=100)
    runs, began = parser.parse_args().runs, time.perf_counter()
    with database_and_buckets() as engine:
        report = prove(engine, runs, lambda done: print(f"backtests: {done} of {runs}", file=sys.stderr))
    print(
        f"{report.runs} of {runs} backtests byte-identical to one call of the engine, {report.futures} of them on"
        f" futures: {report.simulations:,} simulate steps, {report.killed:,} steps killed and run again,"
        f" {report.trades:,} orders, {time.perf_counter() - began:.0f} s"
    )
    wrong = [
        f"  only {getattr(report, name)} {name}, where {runs} runs should show {least * runs // 100}"
        for name, least in LEAST.items()
        if getattr(report, name) < least * runs // 100
    ]
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
