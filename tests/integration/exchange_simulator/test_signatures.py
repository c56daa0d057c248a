"""Who may ask: keys, signatures and timestamps, refused with Binance's own codes."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.exchange_simulator.conftest import Account, Simulator

ACCOUNTS = pytest.mark.parametrize("path", ["/api/v3/account", "/fapi/v2/account", "/sapi/v1/account/apiRestrictions"])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def signature(account: Account, text: str) -> str:
    return hmac.new(account.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def account(frozen: Simulator) -> Account:
    return frozen.account(spot={"USDT": "1000"})


@ACCOUNTS
def test_a_signed_request_is_answered(account: Account, path: str) -> None:
    assert account.send("GET", path).status_code == 200


@ACCOUNTS
def test_a_request_without_a_key_is_refused(frozen: Simulator, path: str) -> None:
    response = frozen.http.get(f"{path}?timestamp={now_ms()}&signature=00")
    assert (response.status_code, response.json()) == (401, {"code": -2014, "msg": "API-key format invalid."})


@ACCOUNTS
def test_an_unknown_key_is_refused(frozen: Simulator, path: str) -> None:
    response = frozen.http.get(f"{path}?timestamp={now_ms()}&signature=00", headers={"X-MBX-APIKEY": "unknown"})
    assert response.status_code == 401
    assert response.json() == {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


@ACCOUNTS
def test_a_signature_of_other_bytes_is_refused(account: Account, path: str) -> None:
    text = f"timestamp={now_ms()}"
    for wrong in (signature(account, text + "1"), "", "zz", signature(account, text)[:-1]):
        response = account.simulator.http.get(
            f"{path}?{text}&signature={wrong}", headers={"X-MBX-APIKEY": account.api_key}
        )
        expected = -1022 if wrong else -1102
        assert (response.status_code, response.json()["code"]) == (400, expected)


def test_the_signature_is_held_against_the_bytes_as_sent_not_against_their_meaning(account: Account) -> None:
    signed = f"symbol=BTC%55SDT&timestamp={now_ms()}"  # %55 is U
    headers = {"X-MBX-APIKEY": account.api_key}
    as_sent = account.simulator.http.get(
        f"/api/v3/openOrders?{signed}&signature={signature(account, signed)}", headers=headers
    )
    decoded = signature(account, signed.replace("%55", "U"))
    other = account.simulator.http.get(f"/api/v3/openOrders?{signed}&signature={decoded}", headers=headers)
    assert as_sent.status_code == 200
    assert other.json()["code"] == -1022


def test_query_string_and_body_are_signed_together_without_a_separator(account: Account) -> None:
    query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
    body = f"quantity=1&price=1&timestamp={now_ms()}"
    signed = signature(account, query + body)
    response = account.simulator.http.post(
        f"/api/v3/order/test?{query}", content=f"{body}&signature={signed}", headers={"X-MBX-APIKEY": account.api_key}
    )
    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.parametrize(
    ("shift_ms", "window", "message"),
    [
        (-6_000, None, "Timestamp for this request is outside of the recvWindow."),
        (-3_000, 2_000, "Timestamp for this request is outside of the recvWindow."),
        (+3_000, None, "Timestamp for this request was 1000ms ahead of the server's time."),
    ],
)
@pytest.mark.parametrize("path", ["/api/v3/account", "/fapi/v3/account"])
def test_a_timestamp_outside_its_window_is_refused(
    account: Account, path: str, shift_ms: int, window: int | None, message: str
) -> None:
    parameters = {"timestamp": now_ms() + shift_ms} | ({"recvWindow": window} if window else {})
    assert account.refused("GET", path, **parameters) == (-1021, message)


def test_a_wider_window_takes_an_older_timestamp(account: Account) -> None:
    account.ok("GET", "/api/v3/account", timestamp=now_ms() - 20_000, recvWindow=30_000)


def test_a_window_beyond_a_minute_is_refused(account: Account) -> None:
    assert account.refused("GET", "/api/v3/account", recvWindow=60_001) == (
        -1131,
        "recvWindow must be less than 60000.",
    )


def test_a_missing_timestamp_is_refused(account: Account) -> None:
    response = account.simulator.http.get(
        f"/api/v3/account?signature={signature(account, '')}", headers={"X-MBX-APIKEY": account.api_key}
    )
    assert response.json() == {
        "code": -1102,
        "msg": "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
    }


def test_a_key_shows_its_permissions_and_may_not_do_without(frozen: Simulator) -> None:
    account = frozen.account(spot={"USDT": "1000"})
    shown = account.ok("GET", "/sapi/v1/account/apiRestrictions")
    assert (shown["enableReading"], shown["enableWithdrawals"], shown["ipRestrict"]) == (True, False, True)
    permissions = {"enableSpotAndMarginTrading": False, "enableWithdrawals": True}
    frozen.control("PUT", f"/accounts/{account.api_key}", {"permissions": permissions})
    shown = account.ok("GET", "/sapi/v1/account/apiRestrictions")
    assert (shown["enableSpotAndMarginTrading"], shown["enableWithdrawals"]) == (False, True)
    order = account.send("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001")
    assert (order.status_code, order.json()["code"]) == (401, -2015)
    assert account.send("GET", "/api/v3/account").status_code == 200
