"""Nothing that was answered is lost, and what cannot be continued says what to do."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.exchange_simulator.conftest import REPOSITORY, Account, Simulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}


def refuse_start(*arguments: str) -> tuple[int, str]:
    """Start a simulator that must not come up; return exit code and words."""
    command = [sys.executable, "-m", "infra.local.exchange", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


def test_everything_answered_survives_a_sigkill(start_simulator: Callable[..., Simulator], tmp_path: Path) -> None:
    state = ["--state", str(tmp_path / "deep" / "state")]
    simulator = start_simulator(*state)
    account = simulator.account(spot={"USDT": "100000"}, futures={"USDT": "10000"})
    account.ok("POST", "/api/v3/order", **BUY)
    account.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=3)
    account.ok("POST", "/fapi/v1/order", **(BUY | {"quantity": "0.01"}))
    simulator.advance("2025-01-01T00:30:00Z")
    price = simulator.get("/api/v3/ticker/price", symbol="BTCUSDT")["price"]
    resting = {"type": "LIMIT", "timeInForce": "GTC", "price": f"{float(price) * 0.9:.2f}"}
    account.ok("POST", "/api/v3/order", **(BUY | resting))
    before = simulator.control("GET", f"/accounts/{account.api_key}")
    executions = simulator.control("GET", f"/accounts/{account.api_key}/executions")

    simulator.stop(signal.SIGKILL)
    again = start_simulator(*state)
    account = Account(again, account.api_key)
    assert again.control("GET", f"/accounts/{account.api_key}") == before
    assert again.control("GET", f"/accounts/{account.api_key}/executions") == executions
    assert again.control("GET", "/time")["market_time"] == "2025-01-01T00:30:00+00:00"
    assert again.get("/api/v3/ticker/price", symbol="BTCUSDT")["price"] == price
    assert account.ok("POST", "/api/v3/order", **BUY)["orderId"] == 3  # counting goes on


def test_orders_answered_before_a_sigkill_in_the_middle_are_all_there(
    start_simulator: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = start_simulator("--state", str(tmp_path / "state"))
    account = simulator.account(spot={"USDT": "1000000"})
    answered: list[int] = []

    def trade() -> None:
        try:
            while True:
                answered.append(account.ok("POST", "/api/v3/order", **BUY)["orderId"])
        except (httpx.HTTPError, RuntimeError):  # the line broke: that one was not answered
            return

    thread = threading.Thread(target=trade)
    thread.start()
    while len(answered) < 40:
        thread.join(0.01)
    simulator.process.kill()
    thread.join(10)
    simulator.stop(signal.SIGKILL)
    again = start_simulator("--state", str(tmp_path / "state"))
    kept = Account(again, account.api_key).ok("GET", "/api/v3/allOrders", symbol="BTCUSDT", limit=1000)
    assert len(answered) >= 40
    assert set(answered) <= {row["orderId"] for row in kept}
    assert len(kept) <= len(answered) + 1


def test_a_torn_last_write_is_dropped(start_simulator: Callable[..., Simulator], tmp_path: Path) -> None:
    simulator = start_simulator("--state", str(tmp_path / "state"))
    account = simulator.account(spot={"USDT": "1000"})
    account.ok("POST", "/api/v3/order", **BUY)
    simulator.stop(signal.SIGKILL)
    log = tmp_path / "state-wal"
    log.write_bytes(log.read_bytes() + b"\x37\x7f half a frame")
    again = start_simulator("--state", str(tmp_path / "state"))
    assert len(Account(again, account.api_key).ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")) == 1


@pytest.mark.parametrize("other", [["--seed", "8"], ["--slippage-bps", "3"]], ids=lambda one: one[0])
def test_a_state_of_another_market_is_refused_with_what_to_do(
    start_simulator: Callable[..., Simulator], tmp_path: Path, other: list[str]
) -> None:
    path = tmp_path / "state"
    start_simulator("--state", str(path), "--seed", "7").stop()
    code, words = refuse_start("--state", str(path), *other)
    assert code == 2
    assert "was made with the market" in words
    assert "choose another --state, or remove that file" in words
    assert "Traceback" not in words


def test_a_later_start_time_is_not_needed_again(start_simulator: Callable[..., Simulator], tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    simulator = start_simulator("--state", path, "--start", "2024-06-01T00:00:00Z")
    simulator.advance("2024-06-01T00:10:00Z")
    simulator.stop()
    again = start_simulator("--state", path)
    assert again.control("GET", "/time")["market_time"] == "2024-06-01T00:10:00+00:00"


def test_two_simulators_do_not_share_a_state(start_simulator: Callable[..., Simulator], tmp_path: Path) -> None:
    start_simulator("--state", str(tmp_path / "state"))
    code, words = refuse_start("--state", str(tmp_path / "state"))
    assert code == 2
    assert "another simulator uses it" in words


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("these are not the orders you are looking for" * 100)
    code, words = refuse_start("--state", str(tmp_path / "state"))
    assert code == 2
    assert "remove it to start anew" in words
    assert "Traceback" not in words


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = refuse_start("--port", str(port), "--state", str(tmp_path / "state"))
    assert code == 2
    assert f"cannot listen on 127.0.0.1:{port}" in words
    assert "choose another --port" in words


def test_a_terminated_simulator_ends_with_zero_while_connections_are_open(
    start_simulator: Callable[..., Simulator],
) -> None:
    simulator = start_simulator()
    with httpx.Client(base_url=simulator.url) as kept_open:
        kept_open.get("/api/v3/ping")
        assert simulator.stop(signal.SIGTERM) == 0


def test_a_simulator_bound_to_its_parents_pipe_ends_with_it() -> None:
    command = [sys.executable, "-m", "infra.local.exchange", "--exit-with-stdin"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        while not process.stdout.readline().startswith("listening"):
            pass
        process.stdin.close()
        assert process.wait(5) == 0


def test_an_account_stays_as_it_is_unless_it_is_reset(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator()
    account = simulator.account(spot={"USDT": "1000"})
    account.ok("POST", "/api/v3/order", **BUY)
    body = {"secret_key": account.secret_key, "spot": {"USDT": "500", "ETH": "1"}}
    path = f"/accounts/{account.api_key}"
    shown = simulator.control("PUT", path, body)
    assert shown["spot"]["ETH"]["free"] == "1"
    assert float(shown["spot"]["USDT"]["free"]) > 900
    shown = simulator.control("PUT", path, body | {"reset": True})
    assert shown["spot"] == {"ETH": {"free": "1", "locked": "0"}, "USDT": {"free": "500", "locked": "0"}}
    assert simulator.control("GET", f"{path}/executions") == {"executions": []}
    assert account.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT") == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/advance", {"to": "yesterday"}, 400, "ISO time"),
        ("POST", "/advance", {"to": "2024-03-04T00:05:30Z"}, 400, "whole minutes"),
        ("POST", "/advance", {"to": "2024-03-04T00:04:00Z"}, 409, "does not go back"),
        ("POST", "/advance", {"to": "2024-03-04T00:12:00Z"}, 409, "candles end at 2024-03-04T00:11:00+00:00"),
        ("POST", "/advance", [], 400, "JSON object"),
        ("PUT", "/accounts/x", {}, 400, "secret_key"),
        ("PUT", "/accounts/x", {"secret_key": "s", "spot": {"USDT": "-1"}}, 400, "not negative"),
        ("PUT", "/accounts/x", {"secret_key": "s", "spot": {"USDT": "NaN"}}, 400, "not negative"),
        ("PUT", "/accounts/x", {"secret_key": "s", "permissions": {"fly": True}}, 400, "unknown permissions"),
        ("GET", "/accounts/x", None, 404, "no account"),
        ("GET", "/nothing", None, 404, "no control route"),
    ],
)
def test_control_requests_that_cannot_be_done_say_why(
    frozen: Simulator, *, method: str, path: str, body: object, status: int, words: str
) -> None:
    response = frozen.http.request(method, f"/sim{path}", json=body)
    assert response.status_code == status
    assert words in response.json()["error"]


def test_the_market_may_be_advanced_to_the_close_of_its_last_candle(moving: Simulator) -> None:
    times = moving.advance("2024-03-04T00:11:00Z")
    assert (times["market_time"], times["market_end"]) == ("2024-03-04T00:11:00+00:00",) * 2
    assert moving.get("/api/v3/ticker/price", symbol="BTCUSDT")["price"] == "51000.00000000"
    assert len(moving.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")) == 10
