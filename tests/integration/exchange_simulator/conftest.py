"""Simulators as processes of their own, spoken to over HTTP, and a client that signs without the simulator's code."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[3]
_NAMES = itertools.count(1)

# Ten minutes of a made-up Monday; 00:06 is missing. Tests take their expected numbers from here, by hand.
MINUTES = """\
open_time,open,high,low,close,volume
2024-03-04 00:00:00+00:00,50000,50100,49900,50050,1
2024-03-04 00:01:00+00:00,50050,50200,50000,50150,2
2024-03-04 00:02:00+00:00,50150,50150,49800,49850,3
2024-03-04 00:03:00+00:00,49850,49900,49500,49600,4
2024-03-04 00:04:00+00:00,49600,50400,49600,50300,5
2024-03-04 00:05:00+00:00,50300,50350,50250,50260.55,6
2024-03-04 00:07:00+00:00,50270,50300,50100,50120,1
2024-03-04 00:08:00+00:00,50120,50130,49000,49010,1.5
2024-03-04 00:09:00+00:00,49010,52000,49000,51000,2
2024-03-04 00:10:00+00:00,51000,51010,50990,51000,1
"""
MONDAY_MS = 1_709_510_400_000  # 2024-03-04T00:00:00Z


@dataclass
class Account:
    """A key of a simulator and signed requests with it."""

    simulator: Simulator
    api_key: str
    secret_key: str = "a secret of the test"

    def send(self, method: str, path: str, **parameters: Any) -> httpx.Response:
        """Sign and send; the parameters travel in the body of a POST, else in the query string."""
        text = urlencode({"timestamp": time.time_ns() // 1_000_000, **parameters})
        text += "&signature=" + hmac.new(self.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": self.api_key}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return self.simulator.http.post(path, content=text, headers=headers)
        return self.simulator.http.request(method, f"{path}?{text}", headers=headers)

    def ok(self, method: str, path: str, **parameters: Any) -> Any:
        """Send and return the body of a success."""
        response = self.send(method, path, **parameters)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, method: str, path: str, **parameters: Any) -> tuple[int, str]:
        """Send and return code and message of a refusal."""
        response = self.send(method, path, **parameters)
        assert response.status_code == 400, response.text
        body = response.json()
        return body["code"], body["msg"]

    def spot(self, asset: str) -> tuple[str, str]:
        """Return the free and locked balance as the API shows them."""
        rows = {row["asset"]: row for row in self.ok("GET", "/api/v3/account")["balances"]}
        return rows[asset]["free"], rows[asset]["locked"]


@dataclass
class Simulator:
    """One process."""

    arguments: list[str]
    url: str = ""
    lines: list[str] = field(default_factory=list)

    def start(self) -> Simulator:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "infra.local.exchange", *self.arguments],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("listening on "):
                self.url = line.removeprefix("listening on ").strip()
                break
        else:
            pytest.fail("the simulator did not start:\n" + "".join(self.lines))
        self.http = httpx.Client(base_url=self.url, timeout=20)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        self.http.close()
        os.kill(self.process.pid, number)
        assert self.process.stdout is not None
        self.lines += self.process.stdout.readlines()
        self.process.stdout.close()
        return self.process.wait(10)

    def account(self, spot: dict[str, str] | None = None, futures: dict[str, str] | None = None) -> Account:
        """Open an account that no other test uses."""
        account = Account(self, f"key{next(_NAMES)}")
        self.control(
            "PUT",
            f"/accounts/{account.api_key}",
            {"secret_key": account.secret_key, "spot": spot or {}, "futures": futures or {}},
        )
        return account

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.http.request(method, f"/sim{path}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def advance(self, to: str) -> Any:
        return self.control("POST", "/advance", {"to": to})

    def get(self, path: str, **parameters: Any) -> Any:
        response = self.http.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return response.json()


@pytest.fixture(scope="session")
def minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up minutes as a file."""
    path = tmp_path_factory.mktemp("market") / "BTCUSDT-1m-made-up.csv"
    path.write_text(MINUTES)
    return path


@pytest.fixture(scope="session")
def frozen(minutes: Path) -> Iterator[Simulator]:
    """A simulator that stands at 00:05 (last price 50300) and that no test advances."""
    simulator = Simulator(["--market", "csv", "--csv", str(minutes), "--start", "2024-03-04T00:05:00Z"]).start()
    yield simulator
    simulator.stop()


@pytest.fixture
def start_simulator() -> Iterator[Callable[..., Simulator]]:
    """Start further simulators with any arguments; they end with the test."""
    started: list[Simulator] = []

    def start(*arguments: str) -> Simulator:
        started.append(Simulator(list(arguments)).start())
        return started[-1]

    yield start
    for simulator in started:
        if simulator.process.poll() is None:
            simulator.stop()


@pytest.fixture
def moving(start_simulator: Callable[..., Simulator], minutes: Path) -> Simulator:
    """A simulator that stands at 00:05 and belongs to one test."""
    return start_simulator(
        "--market", "csv", "--csv", str(minutes), "--start", "2024-03-04T00:05:00Z", "--limits-factor", "100"
    )
