"""Live mode against a second simulator that plays Binance: prices are its own, orders stay here."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.integration.exchange_simulator.conftest import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.exchange_simulator.conftest import Simulator


def live(start: Callable[..., Simulator], upstream: Simulator, *others: str) -> Simulator:
    return start("--market", "live", "--live-spot-url", upstream.url, "--live-futures-url", upstream.url, *others)


def test_public_answers_are_the_upstreams_own(start_simulator: Callable[..., Simulator], moving: Simulator) -> None:
    here = live(start_simulator, moving)
    for path in (
        "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=3",
        "/fapi/v1/klines?symbol=BTCUSDT&interval=3m",
        "/api/v3/ticker/24hr?symbol=BTCUSDT",
        "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT",
        "/api/v3/klines?symbol=NOPE&interval=1m",
    ):
        theirs, ours = moving.http.get(path), here.http.get(path)
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    symbol, theirs_symbol = (
        simulator.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"] for simulator in (here, moving)
    )
    assert symbol == theirs_symbol


def test_orders_fill_here_at_the_live_book_with_slippage_and_never_reach_upstream(
    start_simulator: Callable[..., Simulator], moving: Simulator
) -> None:
    here = live(start_simulator, moving)
    account = here.account(spot={"USDT": "1000"}, futures={"USDT": "1000"})
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    spot = account.ok("POST", "/api/v3/order", **order)
    # The live ask is 50310.06; 2 bps above it are 50320.122012, rounded up to a cent
    assert spot["fills"][0]["price"] == "50320.13000000"
    assert abs(spot["transactTime"] / 1000 - time.time()) < 30  # the live market's time is real time
    futures = account.ok("POST", "/fapi/v1/order", **order, newOrderRespType="RESULT")
    assert futures["avgPrice"] == "50320.2"  # from 50310.1 x 1.0002 = 50320.16202
    assert not [path for path in moving.control("GET", "/stats")["requests"] if path.startswith("POST")]
    refusal = account.refused("POST", "/api/v3/order", **(order | {"quantity": "0.000001"}))
    assert refusal == (-1013, "Filter failure: LOT_SIZE")


def test_resting_orders_fill_when_the_live_price_reaches_them(
    start_simulator: Callable[..., Simulator], moving: Simulator
) -> None:
    here = live(start_simulator, moving)
    account = here.account(spot={"USDT": "1000"})
    bid = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    account.ok("POST", "/api/v3/order", **bid, price="49500", newClientOrderId="bid")
    moving.advance("2024-03-04T00:09:00Z")  # 49010
    deadline = time.monotonic() + 10
    while account.ok("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="bid")["status"] == "NEW":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    (trade,) = account.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert (trade["price"], trade["isMaker"]) == ("49500.00000000", True)


def test_a_live_market_cannot_be_advanced(start_simulator: Callable[..., Simulator], moving: Simulator) -> None:
    here = live(start_simulator, moving)
    response = here.http.post("/sim/advance", json={"to": "2030-01-01T00:00:00Z"})
    assert response.status_code == 409
    assert "keeps its own time" in response.json()["error"]


def test_an_order_without_a_live_price_is_answered_with_503(
    start_simulator: Callable[..., Simulator], moving: Simulator
) -> None:
    here = live(start_simulator, moving)
    account = here.account(spot={"USDT": "1000"})
    moving.stop()
    order = account.send("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    assert (order.status_code, order.json()["code"]) == (503, -1001)
    assert here.http.get("/api/v3/klines?symbol=BTCUSDT&interval=1m").status_code == 503
    assert account.ok("GET", "/api/v3/openOrders") == []


def test_without_a_network_it_says_so_and_stops_with_its_own_exit_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "infra.local.exchange",
            "--market=live",
            f"--live-spot-url={url}",
            f"--live-futures-url={url}",
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 3
    assert "needs Binance's public API" in done.stderr
    assert "--market generator" in done.stderr
    assert "Traceback" not in done.stderr
