"""The whole platform on one machine: Postgres, the simulated exchange, and the cloud with both templates deployed."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from infra.local.cloud import LocalCloud, preload
from infra.local.cloud.schedules import scheduled_event
from infra.local.exchange_process import ExchangeProcess
from infra.local.postgres import EmbeddedPostgres
from infra.local.state import LocalError, Market, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from infra.local.cloud.wire import Request

MINUTE = timedelta(minutes=1)
DRAIN_SECONDS = 120.0
#: The exchange publishes a closed candle a moment after its close.
PUBLISHED_AFTER = timedelta(seconds=2)
#: Every host that the template lets a deployment choose; here all are the simulated exchange.
BINANCE_URL_PARAMETERS = (
    "BinanceLiveSpotUrl",
    "BinanceLiveFuturesUrl",
    "BinanceTestnetSpotUrl",
    "BinanceTestnetFuturesUrl",
)
#: No mail leaves this machine.
MAIL_SENDER = "tradebot@example.com"


def foundation_parameters(database_url: str) -> dict[str, str]:
    """Return the parameters of infra/foundation.yaml for a database that is there already."""
    return {"Database": "external", "DatabaseUrl": database_url, "MailSender": MAIL_SENDER}


class Machine:
    """Everything that runs, between `with` and its end. `tick` moves the market and fires what is scheduled."""

    def __init__(
        self,
        state: Path,
        market: Market,
        *,
        api_port: int = 0,
        report: Callable[[str], None] = lambda _: None,
        parameters: Mapping[str, str] | None = None,
        observe: Callable[[Request], None] | None = None,
    ) -> None:
        """Set it up; nothing runs before `with`. parameters: of template.yaml. observe: see LocalCloud."""
        self.state = state
        self._parameters = dict(parameters or {})
        self._observe = observe
        self.market = market
        self._api_port = api_port
        self._report = report
        self._stack = contextlib.ExitStack()
        self.cloud: LocalCloud
        self.exchange: ExchangeProcess
        self.database_url: str

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(self.state))
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        exchange = ExchangeProcess(self.state / "exchange", self.market)
        stack.callback(exchange.stop)
        self._report("Starting Postgres and the simulated exchange")
        with ThreadPoolExecutor(3) as pool:
            preloading = pool.submit(preload)
            database_url, exchange_url = pool.submit(self._start_database, stack), pool.submit(exchange.start)
            self.database_url = database_url.result()
            urls = dict.fromkeys(BINANCE_URL_PARAMETERS, exchange_url.result())
            preloading.result()
        self.exchange = exchange
        self._report("Deploying infra/foundation.yaml and template.yaml into the local cloud")
        self.cloud = stack.enter_context(
            LocalCloud(
                self.state / "cloud",
                foundation_parameters=foundation_parameters(self.database_url),
                parameters={
                    "Database": "external",
                    "MarketClock": "real" if self.market.kind == "live" else "tick",
                    **urls,
                    **self._parameters,
                },
                api_port=self._api_port,
                observe=self._observe,
            )
        )
        self._report("Migrating the database")
        self.invoke("MigrateFunction", {})
        # The rules' state lives in the cloud, which forgets it: maintenance sets it by the bots that are active.
        self.invoke("MaintenanceFunction", scheduled_event("", self.cloud.region, datetime.now(UTC)))

    def _start_database(self, stack: contextlib.ExitStack) -> str:
        """Return the URL of the server that DATABASE_URL names, or of one of our own."""
        named = os.environ.get("DATABASE_URL")
        if named:
            return named
        postgres = EmbeddedPostgres(self.state / "postgres")
        stack.callback(postgres.stop)
        return postgres.start()

    def invoke(self, logical_id: str, event: object) -> None:
        """Run a function to its end. Raises LocalError with what it said where it failed."""
        result = self.cloud.invoke(logical_id, event)
        if result.function_error:
            said = result.payload.get("errorMessage") if isinstance(result.payload, dict) else result.payload
            hint = " Does DATABASE_URL name a server that runs, and its owner?" if "DATABASE_URL" in os.environ else ""
            raise LocalError(f"{logical_id} failed: {said}.{hint} Its log is in {self.cloud.log_directory}")

    def tick(self, at: datetime) -> None:
        """Let the market reach the minute `at`, fire what is scheduled then, and wait until all of it has ended."""
        if self.market.kind != "live":  # which keeps its own time
            self.exchange.advance(at)
        self.cloud.fire_schedules(at)
        self.cloud.drain(DRAIN_SECONDS)

    def run(
        self,
        *,
        until: datetime | None = None,
        pace_seconds: float = 0.0,
        on_tick: Callable[[datetime], None],
        stop: threading.Event | None = None,
    ) -> None:
        """Tick minute by minute from where the market stands: the live market by the wall clock, others at a pace."""
        stop = stop or threading.Event()
        at = self.exchange.market_time().replace(second=0, microsecond=0) + MINUTE
        end = min(filter(None, (until, self.exchange.market_end())), default=None)
        while not stop.is_set() and (end is None or at <= end):
            if self.market.kind == "live":
                due_at = max(at, _this_minute())  # minutes that a sleeping laptop missed are not ticked one by one
                if stop.wait((due_at + PUBLISHED_AFTER - datetime.now(UTC)).total_seconds()):
                    return
                at = due_at
            began = time.monotonic()
            self.tick(at)
            on_tick(at)
            if self.market.kind != "live":
                stop.wait(pace_seconds - (time.monotonic() - began))
            at += MINUTE


def _this_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
