"""`make bench-backtests`: from a request to its report through API and workflow, into docs/figures-backtests.md.

The exchange is the simulated one at Binance's real limits; the functions are processes of their own. The longer spans'
candles are put into the bucket beforehand: what fetching costs, the year shows.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx

from infra.local.api_client import ApiClient
from infra.local.machine import Machine
from infra.local.state import REPOSITORY, Market
from tests.fixtures.candles import minutes
from tradebot.aws.object_store import S3ObjectStore
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.services.run_backtest.candle_cache import CandleCache, month_end, month_start, months_between

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIGURES = REPOSITORY / "docs" / "figures-backtests.md"
STEPS = ("Plan", "Fetch", "Simulate", "Collect")
#: Where the simulated exchange's market stands; the years end before it.
NOW = datetime(2024, 1, 5, tzinfo=UTC)
END = datetime(2024, 1, 1, tzinfo=UTC)
LIMITS = {"spot": 6_000, "futures": 2_400}
#: Entries of one size out of a large capital, or the later years would have nothing left to trade with.
PARAMETERS = {
    "strategy": "ema", "position_size_fixed": "1000", "stop_loss_perc": "2", "take_profit_perc": "4",
    "trailing_stop_active": True, "trailing_stop_perc": "1.5",
    "ema_fast": 9, "ema_slow": 21, "rsi_period": 14, "rsi_oversold": 30, "rsi_overbought": 70,
}  # fmt: skip
_REPORT = re.compile(r"REPORT RequestId: .*?Duration: ([\d.]+) ms.*?Max Memory Used: (\d+) MB", re.DOTALL)
END_SECONDS = 1_500.0
YEARS = (1, 2, 5)
SPOT = "spot, warm cache"
#: Where candles and functions are warm.
REPEATS = 3


@dataclass(frozen=True)
class Run:
    """One backtest."""

    name: str
    years: float
    seconds: float
    #: By step: seconds in its function, all invocations together; and the most memory of a process, in MB.
    busy: dict[str, float]
    memory: dict[str, int]
    #: Bytes of the largest input or output of a state.
    payload: int
    round_trips: int
    refused: dict[str, int]


def largest_payload(client: Any, execution_arn: str) -> int:
    """Return the bytes of the largest input or output in an execution's history."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
    texts = [
        detail[name]
        for page in pages
        for event in page["events"]
        for detail in event.values()
        if isinstance(detail, dict)
        for name in ("input", "output")
        if isinstance(detail.get(name), str)
    ]
    return max(len(text.encode()) for text in texts)


class Bench:
    """The platform, and a user who asks."""

    def __init__(self, machine: Machine, api: ApiClient) -> None:
        self._machine, self._api = machine, api
        self._seen = dict.fromkeys(STEPS, 0)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service
            endpoint_url=self._machine.cloud.endpoint_url,
            region_name=self._machine.cloud.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def run(self, name: str, market: str, start: datetime, symbol: str = "BTCUSDT") -> Run:
        """Ask for a backtest and wait for its report."""
        self._reports()
        url = self._machine.exchange.url
        httpx.delete(f"{url}/sim/stats")
        began = time.perf_counter()
        asked = {
            "symbol": symbol, "interval": "1m", "start_date": start.isoformat(), "end_date": END.isoformat(),
            "initial_capital": "1000000", "market_type": market, "parameters": PARAMETERS,
        }  # fmt: skip
        accepted = self._api.call("POST", "/backtests", asked)
        deadline = began + END_SECONDS
        while (shown := self._api.call("GET", f"/backtests/{accepted['id']}"))["status"] in {"pending", "running"}:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"{name} does not end: {shown}")
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        if shown["status"] != "succeeded":
            raise RuntimeError(f"{name}: {shown['error_message']}")
        results = self._api.call("GET", f"/backtests/{accepted['id']}/results")
        arn = self._machine.cloud.outputs["BacktestStateMachineArn"].replace(":stateMachine:", ":execution:")
        busy, memory = self._reports()
        return Run(
            name, (END - start).days / 365, seconds, busy, memory,
            largest_payload(self.client("stepfunctions"), f"{arn}:{accepted['id']}"),
            results["total_trades"], self._machine.exchange.stats()["refused"],
        )  # fmt: skip

    def median(self, name: str, market: str, start: datetime) -> Run:
        """Ask so often, and return the one in the middle."""
        runs = [self.run(name, market, start) for _ in range(REPEATS)]
        return sorted(runs, key=lambda one: one.seconds)[REPEATS // 2]

    def _reports(self) -> tuple[dict[str, float], dict[str, int]]:
        """Read what the functions' logs have said since the last look."""
        time.sleep(0.3)
        busy, memory = {}, {}
        for step in STEPS:
            function = self._machine.cloud.function_name(f"Backtest{step}Function")
            path = self._machine.cloud.log_directory / f"{function}.log"
            text = path.read_text() if path.exists() else ""
            found = _REPORT.findall(text[self._seen[step] :])
            self._seen[step] = len(text)
            busy[step] = sum(float(ms) for ms, _ in found) / 1_000
            memory[step] = max((int(mb) for _, mb in found), default=0)
        return busy, memory

    def fill(self, start: datetime, end: datetime) -> None:
        """Put the months of a span into the bucket."""
        bucket = next(
            one["Name"] for one in self.client("s3").list_buckets()["Buckets"] if "candle" in one["Name"].lower()
        )
        s3 = self.client("s3")
        cache = CandleCache(S3ObjectStore(lambda: s3, bucket), "spot", "BTCUSDT", Timeframe.M1)
        there = cache.closed_months()
        for month in months_between(start, end):
            if month not in there:
                first, last = month_start(month), month_end(month)
                cache.save(month, _columns(minutes(first, (last - first) // timedelta(minutes=1))), to_ms(last))


def _columns(made: Sequence[tuple[datetime, list[int]]]) -> CandleArray:
    candles = CandleArray(Timeframe.M1, 2)
    candles.open_time_ms.extend(to_ms(at) for at, _ in made)
    for number, name in enumerate(("open", "high", "low", "close")):
        getattr(candles, name).extend(cents[number] for _, cents in made)
    candles.volume.extend([10.0] * len(made))
    return candles


def measure(folder: Path) -> Iterator[Run]:
    """Run every case; the candles of the cold ones lie in no bucket yet."""
    with Machine(folder, Market("generator", start=NOW)) as machine:
        machine.exchange.limit_weights(**LIMITS)
        with ApiClient(machine.cloud.api_url, "bench@example.com", "seven-candles-before-noon") as api:
            api.register_or_log_in(machine.cloud.state_directory)
            bench, year = Bench(machine, api), END - timedelta(days=365)
            bench.fill(END - timedelta(days=5 * 365 + 40), END)
            yield bench.run("spot, warm cache, cold functions", "spot", year)
            yield bench.run("spot, cold cache", "spot", year, symbol="ETHUSDT")
            yield bench.run("futures, cold cache", "futures", year)
            yield bench.median("futures, warm cache", "futures", year)
            for years in YEARS:  # the longest last: a process keeps the most memory that it ever had
                yield bench.median(SPOT, "spot", END - timedelta(days=365 * years))


def _page(machine: str, runs: Sequence[Run], fetched: str = "") -> str:
    times = "\n".join(
        f"| {run.name} | {run.years:.0f} | {run.seconds:.1f} | "
        + " | ".join(f"{run.busy[step]:.2f}" for step in STEPS)
        + f" | {100 * (run.busy['Simulate'] + run.busy['Collect']) / run.seconds:.0f} | {run.round_trips:,} |"
        for run in runs
    )
    memory = "\n".join(
        f"| {run.name} | {run.years:.0f} | "
        + " | ".join(str(run.memory[step] or "-") for step in STEPS)
        + f" | {run.payload:,} |"
        for run in runs
    )
    refused = {run.name: run.refused for run in runs if run.refused}
    each = ", ".join(f"{run.seconds / run.years:.2f} s over {run.years:.0f}" for run in runs if run.name == SPOT)
    return f"""# Figures of backtests on the platform

Written by `make bench-backtests`: {machine}. Absolute times hold for that machine and moment only.

From `POST /v1/backtests` to its report, one-minute candles, EMA 9/21 with RSI 14, stop 2 %, target 4 %, trailing stop
1.5 %, entries of 1,000 quote: the API, the workflow and its functions as processes, Postgres, and the simulated
exchange at Binance's limits ({LIMITS["spot"]:,} of weight a minute on spot, {LIMITS["futures"]:,} on futures, of which
backtests take six tenths).
Requests that it refused (429, 418): {refused or "none"}. Where candles and functions are warm: the median of {REPEATS}.

Columns of steps are seconds in their functions, all invocations together (four fetches run side by side, and what waits
for the next minute's weight waits in the workflow); the share is that of simulate and collect in the whole.

| candles | years | seconds | plan | fetch | simulate | collect | share, % | round trips |
|---|---|---|---|---|---|---|---|---|
{times}

A year of them takes, warm: {each} years.

Most memory of a function's process in MB (VmHWM), and the largest input or output of a state in bytes (Step Functions
takes 262,144).

| candles | years | plan | fetch | simulate | collect | payload |
|---|---|---|---|---|---|---|
{memory}

What a year of minutes weighs, by the size of a page (`python -m tests.proofs.fetching`: the same steps and exchange in
one process, the minutes passed over):

```text
{fetched}
```
"""


def main() -> int:
    """Measure, print, write."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.strip()
    machine = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}, {os.cpu_count()} cores {platform.machine()},"
        f" Python {platform.python_version()}, load {os.getloadavg()[0]:.1f} at the start"
    )
    folder, runs = Path(tempfile.mkdtemp(prefix="tradebot-bench-")), list[Run]()
    try:
        for run in measure(folder):
            print(run, flush=True)
            runs.append(run)
            FIGURES.write_text(_page(machine, runs))  # what was measured is not lost with a later case
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    proof = [sys.executable, "-m", "tests.proofs.fetching"]
    fetched = subprocess.run(proof, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout.rstrip()
    print(fetched)
    FIGURES.write_text(_page(machine, runs, fetched))
    return 0


if __name__ == "__main__":
    sys.exit(main())
