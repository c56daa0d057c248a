"""The whole platform with a market of its own: Postgres, the simulated exchange, the local cloud, a user of the API."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from infra.local.api_client import ApiClient
from infra.local.cloud.local_cloud import LocalCloud
from infra.local.cloud.mailbox import read_mail
from infra.local.exchange_process import ExchangeProcess
from infra.local.machine import BINANCE_URL_PARAMETERS, foundation_parameters
from infra.local.state import Market
from tests.fixtures.candles import write_minutes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.database import TestDatabase

BEGIN = datetime(2023, 1, 28, tzinfo=UTC)
#: A week of minutes over the end of a month; the market stands at its end.
MINUTES = 7 * 1440
#: Ten minutes of 31 January, from 04:00, that the exchange does not have.
HOLE = range(3 * 1440 + 240, 3 * 1440 + 250)
END_SECONDS = 90.0


@dataclass(frozen=True)
class Platform:
    """Where things are, and a user."""

    cloud: LocalCloud
    exchange: ExchangeProcess
    database: TestDatabase
    api: ApiClient

    def until(self, backtest_id: int, *statuses: str) -> dict[str, Any]:
        """Watch a backtest until it has one of the statuses."""
        deadline = time.monotonic() + END_SECONDS
        while (seen := self.api.call("GET", f"/backtests/{backtest_id}"))["status"] not in statuses:
            assert time.monotonic() < deadline, f"the backtest does not end: {seen}"
            time.sleep(0.1)
        shown: dict[str, Any] = seen
        return shown

    def client(self, service: str) -> Any:
        """Return a client of the local cloud."""
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service
            endpoint_url=self.cloud.endpoint_url,
            region_name=self.cloud.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def execution(self, backtest_id: int) -> dict[str, Any]:
        """Describe a backtest's execution."""
        machine = self.cloud.outputs["BacktestStateMachineArn"].replace(":stateMachine:", ":execution:")
        described: dict[str, Any] = self.client("stepfunctions").describe_execution(
            executionArn=f"{machine}:{backtest_id}"
        )
        return described

    def execution_has_entered(self, backtest_id: int, state: str) -> bool:
        """Tell whether an execution has come to a state."""
        return any(one.get("stateEnteredEventDetails", {}).get("name") == state for one in self._history(backtest_id))

    def deaths(self, backtest_id: int) -> int:
        """Return how many invocations of an execution ended with their process."""
        return sum("Runtime.ExitError" in str(one) for one in self._history(backtest_id))

    def _history(self, backtest_id: int) -> list[dict[str, Any]]:
        described = self.execution(backtest_id)
        history = self.client("stepfunctions").get_execution_history(executionArn=described["executionArn"])
        events: list[dict[str, Any]] = history["events"]
        return events

    def results_of(self, backtest_id: int) -> list[str]:
        """Return the keys of what a backtest has stored for its user."""
        s3 = self.client("s3")
        keys = [
            one["Key"]
            for bucket in s3.list_buckets()["Buckets"]
            for one in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", [])
        ]
        return [key for key in keys if key.startswith("backtests/") and f"/{backtest_id}/" in key]

    def mailed(self, backtest_id: int) -> list[str]:
        """Return the subjects of the mail about a backtest, once every function has done what it was asked for."""
        deadline = time.monotonic() + END_SECONDS
        while (
            self.execution(backtest_id)["status"] == "RUNNING"
        ):  # the last step asks for mail after its row is written
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self.cloud.drain(END_SECONDS)
        return [
            one["subject"] for one in read_mail(self.cloud.state_directory) if f"Backtest {backtest_id} " in one["body"]
        ]

    def processes(self, step: str) -> list[int]:
        """Return the processes of a step's function that live now."""
        pids: list[int] = self.cloud._pools[self.cloud.function_name(f"Backtest{step}Function")].process_ids
        return pids


def body(**changes: object) -> dict[str, Any]:
    """Return a backtest of two days that reaches over the end of a month."""
    asked: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "interval": "1m",
        "start_date": "2023-01-30T12:00:00Z",
        "end_date": "2023-02-02T06:00:00Z",
        "initial_capital": "10000",
        "parameters": {
            "strategy": "ema",
            "position_size_perc": "50",
            "stop_loss_perc": "0.8",
            "take_profit_perc": "1.6",
            "ema_fast": 9,
            "ema_slow": 21,
            "rsi_period": 14,
            "rsi_oversold": 30,
            "rsi_overbought": 70,
        },
    }
    return {**asked, **changes}


@contextmanager
def platform_on(folder: Path, database: TestDatabase, market: Market) -> Iterator[Platform]:
    """Give the platform on a market, with a user."""
    exchange = ExchangeProcess(folder / "exchange", market)
    urls = dict.fromkeys(BINANCE_URL_PARAMETERS, exchange.start())
    try:
        with (
            LocalCloud(
                folder / "cloud",
                foundation_parameters=foundation_parameters(database.url),
                parameters={"Database": "external", "MarketClock": "tick", **urls},
            ) as cloud,
            ApiClient(cloud.api_url, "trader@example.com", "seven-candles-before-noon") as api,
        ):
            api.register_or_log_in(cloud.state_directory)
            yield Platform(cloud, exchange, database, api)
    finally:
        exchange.stop()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, module_database: TestDatabase) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    csv = write_minutes(folder / "BTCUSDT-1m.csv", BEGIN, MINUTES, without=HOLE)
    with platform_on(folder, module_database, Market("csv", candles=csv, start=BEGIN)) as made:
        made.exchange.advance(BEGIN + timedelta(minutes=MINUTES - 1))
        yield made
