"""`make up` as a newcomer meets it: started as a process, watched from outside, ended in every way."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from infra.local import demo
from infra.local.api_client import ApiClient
from infra.local.state import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., "Up"]

START_SECONDS = 60
STOP_SECONDS = 20
#: Postgres, the exchange, and a worker of each function that a trade needs.
LEAST_PROCESSES = 5
TRADE = r"(BUY|SELL) [\d.]+ \w+USDT @"

pytestmark = pytest.mark.xdist_group("up")


@dataclass(slots=True)
class Up:
    """A running `make up`, its output so far, and every process that it was seen to have."""

    process: subprocess.Popen[str]
    output: str = ""

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read until a line matches; fail with the whole output where none does in time."""
        assert self.process.stdout is not None
        overdue = threading.Timer(START_SECONDS, self.process.kill)
        overdue.start()
        try:
            for line in self.process.stdout:
                self.output += line
                match = re.search(pattern, line)
                if match:
                    return match
        finally:
            overdue.cancel()
        pytest.fail(f"`make up` ended, or took too long, before it said {pattern!r}:\n{self.output}")

    def descendants(self) -> list[psutil.Process]:
        """Return every process that it started, of whatever generation."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait(STOP_SECONDS)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Up] = []

    def starting(*arguments: str, port: int = 0) -> Up:
        environment = {**os.environ, "TRADEBOT_STATE": str(tmp_path / "state"), "COLUMNS": "200"}
        environment.pop("DATABASE_URL", None)
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "infra.local.up", "--port", str(port or free_port()), *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(Up(process))
        return running[-1]

    yield starting
    for up in running:
        if up.process.poll() is None:
            up.end(signal.SIGTERM)
        assert up.process.stdout is not None
        up.process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ids_by_name(url: str) -> dict[str, int]:
    """Return the demo's bots as the API has them."""
    with ApiClient(url, demo.EMAIL, demo.PASSWORD) as api:
        api.register_or_log_in()
        return {row["name"]: row["id"] for row in api.listed("/bot-configs")}


def gone(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return which of `processes` are still there after a moment."""
    return psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]


def test_bots_trade_and_whatever_ends_it_no_process_stays_and_the_next_start_goes_on(start: Start) -> None:
    first = start("--pace", "0")
    url = first.wait_for(r"API +(http://127\.0\.0\.1:\d+)/v1").group(1)
    assert httpx.get(f"{url}/v1/docs").status_code == httpx.codes.OK
    first.wait_for(TRADE)
    processes, bots = first.descendants(), ids_by_name(url)
    assert first.end(signal.SIGINT) == 0
    assert "Stopped" in first.output
    assert len(processes) > LEAST_PROCESSES
    assert gone(processes) == []

    killed = start("--pace", "0")
    url = killed.wait_for(r"API +(http://127\.0\.0\.1:\d+)/v1").group(1)
    assert ids_by_name(url) == bots
    killed.wait_for(TRADE)
    processes = killed.descendants()
    killed.end(signal.SIGKILL)

    last = start("--pace", "0")
    last.wait_for(TRADE)
    own = {process.pid for process in last.descendants()}
    assert gone([process for process in processes if process.pid not in own]) == []
    assert last.end(signal.SIGTERM) == 0


def test_a_taken_port_is_named_with_what_to_do(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        up = start(port=port)
        assert up.process.wait(START_SECONDS) == 1
    assert up.process.stdout is not None
    assert re.search(rf"{port}.*PORT=", up.process.stdout.read().replace("\n", " "))


def test_a_second_run_of_the_same_market_is_refused_by_name_of_the_first(start: Start) -> None:
    first = start("--pace", "0")
    first.wait_for("Deploying")  # the lock is the first thing that a run takes
    second = start()
    assert second.process.wait(START_SECONDS) == 1
    assert second.process.stdout is not None
    assert f"process {first.process.pid}" in second.process.stdout.read().replace("\n", " ")


def test_candles_that_are_not_there_are_refused(start: Start, tmp_path: Path) -> None:
    up = start("--candles", str(tmp_path / "BTCUSDT-none.csv"))
    assert up.process.wait(START_SECONDS) == 1
    assert up.process.stdout is not None
    assert "CANDLES names a CSV" in up.process.stdout.read()


def test_the_live_market_says_what_to_do_where_there_is_no_network(start: Start) -> None:
    up = start("--market", "live", "--live-url", f"http://127.0.0.1:{free_port()}")
    assert up.process.wait(START_SECONDS) == 1
    assert up.process.stdout is not None
    assert "network" in up.process.stdout.read()
