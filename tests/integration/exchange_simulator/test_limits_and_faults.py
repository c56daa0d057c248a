"""What an address may ask for, what it is told when it asks for more, and everything that can be made to go wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.exchange_simulator.conftest import Account, Simulator

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
LOST = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.fixture(scope="module")
def shared(frozen: Simulator) -> Account:
    return frozen.account(spot={"USDT": "1000000"}, futures={"USDT": "1000000"})


@pytest.fixture
def account(shared: Account) -> Iterator[Account]:
    """An account of a simulator whose faults end with the test."""
    yield shared
    shared.simulator.control("DELETE", "/faults")


def fault(account: Account, kind: str, **fields: Any) -> int:
    number: int = account.simulator.control("POST", "/faults", {"kind": kind, **fields})["id"]
    return number


def order(account: Account, name: str, **more: Any) -> httpx.Response:
    return account.send("POST", "/api/v3/order", **ORDER, newClientOrderId=name, **more)


def has(account: Account, name: str) -> bool:
    response = account.send("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name)
    assert response.status_code == 200 or response.json()["code"] == -2013
    return response.status_code == 200


def executions(account: Account) -> int:
    return len(account.simulator.control("GET", f"/accounts/{account.api_key}/executions")["executions"])


# --- Limits ---


@pytest.fixture
def small(start_simulator: Callable[..., Simulator]) -> Simulator:
    """A simulator that allows an address 30 of weight a minute, early in a minute."""
    simulator = start_simulator("--market", "generator")
    simulator.control("PUT", "/limits", {"spot": 30, "futures": 30})
    if time.time() % 60 > 56:
        time.sleep(60 - time.time() % 60)
    return simulator


def test_weights_add_up_by_address_and_api_and_the_headers_say_so(small: Simulator) -> None:
    for expected in ("20", "22", "24"):
        path = "/api/v3/exchangeInfo" if expected == "20" else "/api/v3/klines?symbol=BTCUSDT&interval=1m"
        assert small.http.get(path).headers["X-MBX-USED-WEIGHT-1M"] == expected
    assert small.http.get("/fapi/v1/time").headers["X-MBX-USED-WEIGHT-1M"] == "1"


def test_beyond_the_limit_429_names_the_seconds_to_the_next_minute_and_who_goes_on_is_banned(small: Simulator) -> None:
    small.get("/api/v3/exchangeInfo")
    refused = small.http.get("/api/v3/exchangeInfo")
    assert refused.status_code == 429
    assert refused.json()["code"] == -1003
    assert "30 request weight per 1 MINUTE" in refused.json()["msg"]
    assert abs(int(refused.headers["Retry-After"]) - (60 - time.time() % 60)) <= 1.5
    # The other API has a count of its own.
    assert small.http.get("/fapi/v1/time").status_code == 200
    again = [small.http.get("/api/v3/time") for _ in range(12)]
    assert [one.status_code for one in again] == [429] * 10 + [418] * 2
    assert "IP banned until" in again[-1].json()["msg"]
    assert again[-1].json()["code"] == -1003
    assert int(again[-1].headers["Retry-After"]) in {119, 120}
    report = small.control("GET", "/stats")["refused"]
    assert report["sent_while_blocked"] == 12
    assert (report["429"], report["418"]) == (11, 2)


def test_exchange_info_states_the_limits_that_are_kept(small: Simulator) -> None:
    limits = small.get("/fapi/v1/exchangeInfo")["rateLimits"]
    assert limits[0] == {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": 30,
    }
    assert [one["limit"] for one in limits[1:]] == [300, 1200]


def test_an_account_with_too_many_orders_in_ten_seconds_is_refused_without_retry_after(
    start_simulator: Callable[..., Simulator],
) -> None:
    simulator = start_simulator("--market", "generator")
    account = simulator.account(spot={"USDT": "1000000"})
    if time.time() % 10 > 7:
        time.sleep(10 - time.time() % 10)
    quantities = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}
    answers = [account.send("POST", "/api/v3/order", **quantities) for _ in range(101)]
    assert [one.status_code for one in answers] == [200] * 100 + [429]
    assert answers[99].headers["X-MBX-ORDER-COUNT-10S"] == "100"
    assert answers[-1].json()["code"] == -1015
    assert "Retry-After" not in answers[-1].headers
    other = simulator.account(spot={"USDT": "1000000"})
    assert other.send("POST", "/api/v3/order", **quantities).status_code == 200


def test_a_ban_that_is_set_ends_by_itself(account: Account) -> None:
    fault(account, "ban", count=1, milliseconds=1200, path="/fapi/*")
    first = account.simulator.http.get("/fapi/v1/time")
    assert (first.status_code, first.headers["Retry-After"]) == (418, "2")
    assert account.simulator.http.get("/fapi/v1/time").status_code == 418
    time.sleep(1.2)
    assert account.simulator.http.get("/fapi/v1/time").status_code == 200


# --- Faults of the line ---


def test_a_lost_request_is_never_processed_and_a_lost_answer_is(account: Account) -> None:
    before = executions(account)
    fault(account, "lose_request", count=1)
    with pytest.raises(LOST):
        order(account, "lost-request")
    assert executions(account) == before
    assert not has(account, "lost-request")
    fault(account, "lose_answer", count=1)
    with pytest.raises(LOST):
        order(account, "lost-answer")
    assert has(account, "lost-answer")
    assert executions(account) == before + 1


@pytest.mark.parametrize("kind", ["half_answer", "broken_gzip"])
def test_an_answer_that_cannot_be_read_was_processed(account: Account, kind: str) -> None:
    fault(account, kind, count=1)
    with pytest.raises((httpx.RemoteProtocolError, httpx.DecodingError)):
        order(account, f"broken-{kind}")
    assert has(account, f"broken-{kind}")


def test_an_empty_200_was_processed(account: Account) -> None:
    fault(account, "empty", count=1)
    response = order(account, "empty")
    assert (response.status_code, response.content) == (200, b"")
    assert has(account, "empty")


@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_comes_with_and_without_a_body_before_or_after_the_work(
    account: Account, status: int, *, processed: bool
) -> None:
    name = f"status-{status}-{processed}"
    fault(account, "status", count=1, status=status, processed=processed)
    response = order(account, name)
    assert (response.status_code, response.content) == (status, b"")
    assert has(account, name) is processed
    fault(account, "status", count=1, status=status, code=-1000, message="An unknown error occurred")
    response = order(account, name)
    assert response.json() == {"code": -1000, "msg": "An unknown error occurred"}


def test_a_page_of_a_proxy_is_html(account: Account) -> None:
    fault(account, "html", count=1, status=403)
    response = order(account, "html")
    assert (response.status_code, response.headers["Content-Type"]) == (403, "text/html")
    assert response.text.startswith("<html>")


def test_a_delayed_answer_comes_late(account: Account) -> None:
    fault(account, "delay", count=1, milliseconds=300)
    began = time.monotonic()
    assert order(account, "delayed").status_code == 200
    assert time.monotonic() - began >= 0.3


def test_an_outage_loses_every_request_until_it_is_over(account: Account) -> None:
    fault(account, "outage", milliseconds=700)
    for path in ("/api/v3/time", "/fapi/v1/time", "/sapi/v1/system/status"):
        with pytest.raises(LOST):
            account.simulator.http.get(path)
    time.sleep(0.7)
    assert account.simulator.http.get("/api/v3/time").status_code == 200


# --- Clocks, queues and lags ---


def test_a_skewed_exchange_tells_its_time_and_refuses_ours(account: Account) -> None:
    fault(account, "skew", milliseconds=40_000)
    assert account.simulator.get("/api/v3/time")["serverTime"] - time.time_ns() // 1_000_000 > 39_000
    assert order(account, "skewed").json()["code"] == -1021
    ahead = time.time_ns() // 1_000_000 + 40_000
    assert account.send("GET", "/api/v3/account", timestamp=ahead).status_code == 200


def test_an_order_that_waited_too_long_is_refused_just_before_it_is_matched(account: Account) -> None:
    fault(account, "queue", count=2, milliseconds=400)
    assert order(account, "waited", recvWindow=200).json()["code"] == -1021
    futures = account.send("POST", "/fapi/v1/order", **ORDER, recvWindow=200)
    assert futures.json()["code"] == -5028
    assert not has(account, "waited")
    # The engine's own time no longer counts against the window.
    fault(account, "engine", count=1, milliseconds=400)
    assert order(account, "slow-engine", recvWindow=300).status_code == 200


def test_queries_show_an_order_only_after_the_lag(account: Account) -> None:
    fault(account, "read_lag", count=2, milliseconds=600)
    made = order(account, "lagging").json()
    resting = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "48000"}
    account.ok("POST", "/fapi/v1/order", **resting, quantity="0.01", newClientOrderId="lagging-too")
    assert not has(account, "lagging")
    listed = account.ok("GET", "/api/v3/allOrders", symbol="BTCUSDT")
    assert all(row["clientOrderId"] != "lagging" for row in listed)
    assert account.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=made["orderId"]) == []
    assert account.ok("GET", "/fapi/v1/openOrders", symbol="BTCUSDT") == []
    # The engine itself knows it: it can be cancelled before any query shows it.
    account.ok("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="lagging-too")
    time.sleep(0.6)
    assert has(account, "lagging")
    assert account.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=made["orderId"])


# --- Choosing requests ---


def test_a_fault_hits_what_it_names_after_what_it_lets_pass_and_is_cleared(account: Account) -> None:
    number = fault(account, "error", code=-2010, method="POST", path="/api/v3/*", skip=1, count=2)
    assert account.send("GET", "/api/v3/account").status_code == 200
    codes = [order(account, f"chosen-{index}").json().get("code") for index in range(4)]
    assert codes == [None, -2010, -2010, None]
    second = fault(account, "error", code=-2010)
    assert [one["id"] for one in account.simulator.control("GET", "/faults")["faults"]] == [second]
    assert second > number
    account.simulator.control("DELETE", f"/faults/{second}")
    assert order(account, "chosen-last").status_code == 200


@pytest.mark.parametrize(
    "body",
    [{}, {"kind": "typo"}, {"kind": "delay"}, {"kind": "error"}, {"kind": "empty", "count": 0},
     {"kind": "empty", "colour": "red"}, {"kind": "empty", "count": "3"}],
)  # fmt: skip
def test_a_fault_that_makes_no_sense_is_refused(account: Account, body: dict[str, Any]) -> None:
    response = account.simulator.http.post("/sim/faults", json=body)
    assert response.status_code == 400
    assert response.json()["error"]
