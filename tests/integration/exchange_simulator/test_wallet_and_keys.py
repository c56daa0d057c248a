"""Transfers, what a key may do, whether a symbol trades, funding rates: set by the control API, seen over HTTP."""

from __future__ import annotations

import base64
import signal
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.exchange_simulator.test_algo_orders import holding, stop
from tests.integration.exchange_simulator.test_futures_orders import limit as futures_limit
from tests.integration.exchange_simulator.test_futures_orders import order as futures_order
from tests.integration.exchange_simulator.test_order_lists import sale

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.exchange_simulator.conftest import Account, Simulator

TRANSFER = "/sapi/v1/asset/transfer"
REFUSED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
BUY = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}


def control(account: Account, **body: Any) -> Any:
    return account.simulator.control("PUT", f"/accounts/{account.api_key}", body)


@pytest.fixture
def trader(frozen: Simulator) -> Account:
    account = frozen.account(spot={"USDT": "10000", "BTC": "1"}, futures={"USDT": "10000"})
    control(account, permissions={"permitsUniversalTransfer": True})
    return account


def wallets(account: Account) -> tuple[str, str]:
    return account.spot("USDT")[0], account.ok("GET", "/fapi/v3/balance")[0]["balance"]


def test_a_transfer_moves_between_the_wallets_and_sent_twice_moves_twice(trader: Account) -> None:
    sent = {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "1000.5"}
    first, second = trader.ok("POST", TRANSFER, **sent), trader.ok("POST", TRANSFER, **sent)
    assert first["tranId"] != second["tranId"]
    assert wallets(trader) == ("7999.00000000", "12001.00000000")
    back = trader.ok("POST", TRANSFER, type="UMFUTURE_MAIN", asset="USDT", amount="1")
    assert wallets(trader) == ("8000.00000000", "12000.00000000")
    history = trader.ok("GET", TRANSFER, type="MAIN_UMFUTURE")
    assert history["total"] == 2
    assert [row["tranId"] for row in history["rows"]] == [second["tranId"], first["tranId"]]
    newest = history["rows"][0]
    assert (newest["amount"], newest["status"], newest["type"]) == ("1000.5", "CONFIRMED", "MAIN_UMFUTURE")
    assert abs(newest["timestamp"] - time.time() * 1000) < 60_000  # wire time
    assert trader.ok("GET", TRANSFER, type="MAIN_UMFUTURE", startTime=newest["timestamp"] + 1) == {"total": 0}
    income = trader.ok("GET", "/fapi/v1/income", incomeType="TRANSFER")
    assert [row["income"] for row in income] == ["1000.50000000", "1000.50000000", "-1.00000000"]
    assert income[-1]["tranId"] == back["tranId"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"amount": "10000.01"}, -5013),
        ({"amount": "0"}, -1130),
        ({"amount": "0.000000001"}, -1130),
        ({"asset": "BTC"}, -1130),
        ({"type": "MAIN_MARGIN"}, -1130),
        ({"amount": "-1"}, -1100),
    ],
)
def test_a_transfer_that_cannot_be_moves_nothing(trader: Account, wrong: dict[str, str], code: int) -> None:
    sent = {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "1"} | wrong
    assert trader.refused("POST", TRANSFER, **sent)[0] == code
    assert wallets(trader) == ("10000.00000000", "10000.00000000")


def test_margin_in_use_is_not_transferred(trader: Account) -> None:
    holding(trader)
    assert trader.refused("POST", TRANSFER, type="UMFUTURE_MAIN", asset="USDT", amount="9500")[0] == -5013
    trader.ok("POST", TRANSFER, type="UMFUTURE_MAIN", asset="USDT", amount="9490")


def test_a_transfer_needs_its_permission(trader: Account) -> None:
    control(trader, permissions={"permitsUniversalTransfer": False})
    answer = trader.send("POST", TRANSFER, type="MAIN_UMFUTURE", asset="USDT", amount="1")
    assert (answer.status_code, answer.json()["code"]) == (401, -1002)


def test_a_key_is_what_the_control_api_says(trader: Account) -> None:
    control(trader, permissions={"enableWithdrawals": True, "ipRestrict": False})
    shown = trader.ok("GET", "/sapi/v1/account/apiRestrictions")
    assert (shown["enableWithdrawals"], shown["ipRestrict"], shown["enableReading"]) == (True, False, True)
    assert "tradingAuthorityExpirationTime" not in shown


def test_a_key_without_the_right_to_trade_may_read(trader: Account) -> None:
    control(trader, permissions={"enableSpotAndMarginTrading": False})
    assert trader.send("POST", "/api/v3/order", **BUY).json() == REFUSED
    assert trader.ok("GET", "/api/v3/account")["canTrade"] is False
    trader.ok("POST", "/fapi/v1/order", **futures_order(quantity="0.01"))


def test_the_right_to_trade_can_run_out(trader: Account) -> None:
    control(trader, trading_expires="2020-01-01T00:00:00Z")
    for path in ("/api/v3/order", "/fapi/v1/order"):
        answer = trader.send("POST", path, **BUY)
        assert (answer.status_code, answer.json()) == (401, REFUSED)
    shown = trader.ok("GET", "/sapi/v1/account/apiRestrictions")
    assert shown["tradingAuthorityExpirationTime"] == 1_577_836_800_000
    control(trader, trading_expires=None)
    trader.ok("POST", "/api/v3/order", **BUY)


def test_a_key_from_a_foreign_address_or_of_another_environment_is_refused_everything(trader: Account) -> None:
    control(trader, key_refused=True)
    for path in ("/api/v3/account", "/fapi/v3/balance", "/sapi/v1/account/apiRestrictions"):
        answer = trader.send("GET", path)
        assert (answer.status_code, answer.json()) == (401, REFUSED)


def test_an_ed25519_key_signs_and_hmac_with_it_does_not(trader: Account) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert control(trader, public_key=pem)["key_type"] == "ED25519"
    text = urlencode({"timestamp": time.time_ns() // 1_000_000})
    for payload, status in ((text, 200), (text + "0", 400)):
        signature = quote(base64.b64encode(private.sign(payload.encode())).decode(), safe="")
        path = f"/api/v3/account?{text}&signature={signature}"
        assert trader.simulator.http.get(path, headers={"X-MBX-APIKEY": trader.api_key}).status_code == status
    assert trader.refused("GET", "/api/v3/account") == (-1022, "Signature for this request is not valid.")
    assert trader.simulator.http.put(f"/sim/accounts/{trader.api_key}", json={"public_key": "no"}).status_code == 400


def test_a_hedged_account_cannot_trade_one_way(trader: Account) -> None:
    trader.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")
    assert trader.ok("GET", "/fapi/v1/positionSide/dual") == {"dualSidePosition": True}
    assert trader.refused("POST", "/fapi/v1/order", **futures_order(quantity="0.01"))[0] == -4061
    assert trader.refused("POST", "/fapi/v1/algoOrder", **stop())[0] == -4061
    trader.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")
    holding(trader)
    assert trader.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true")[0] == -4068


def statuses(simulator: Simulator, path: str) -> dict[str, str]:
    return {one["symbol"]: one["status"] for one in simulator.get(path)["symbols"]}


def test_a_halted_spot_symbol_takes_no_orders_and_sets_nothing_off(moving: Simulator) -> None:
    trader = moving.account(spot={"BTC": "1", "USDT": "10000"})
    trader.ok("POST", "/api/v3/orderList/oco", **sale(stop="50260"))
    for status in ("HALT", "BREAK"):
        moving.control("PUT", "/symbols/spot/BTCUSDT", {"status": status})
        assert statuses(moving, "/api/v3/exchangeInfo") == {"BTCUSDT": status}
        assert trader.refused("POST", "/api/v3/order", **BUY) == (-1013, "Market is closed.")
        assert trader.refused("POST", "/api/v3/orderList/oco", **sale()) == (-1013, "Market is closed.")
    assert moving.advance("2024-03-04T00:07:00Z")["filled_orders"] == 0
    moving.control("PUT", "/symbols/spot/BTCUSDT", {"status": "TRADING"})
    assert moving.advance("2024-03-04T00:08:00Z")["filled_orders"] == 1
    moving.control("PUT", "/symbols/spot/BTCUSDT", {"status": "DELISTED"})
    assert statuses(moving, "/api/v3/exchangeInfo") == {}
    assert trader.refused("POST", "/api/v3/order", **BUY) == (-1121, "Invalid symbol.")


def test_a_closing_contract_only_closes_and_a_settling_one_does_nothing(moving: Simulator) -> None:
    trader = holding(moving.account(futures={"USDT": "10000"}))
    moving.control("PUT", "/symbols/futures/BTCUSDT", {"status": "PENDING_TRADING"})
    assert trader.refused("POST", "/fapi/v1/order", **futures_order(quantity="0.01"))[0] == -4140
    trader.ok("POST", "/fapi/v1/order", **futures_order("SELL", quantity="0.01", reduceOnly="true"))
    moving.control("PUT", "/symbols/futures/BTCUSDT", {"status": "SETTLING"})
    assert statuses(moving, "/fapi/v1/exchangeInfo") == {"BTCUSDT": "SETTLING"}
    closing = futures_order("SELL", quantity="0.01", reduceOnly="true")
    assert trader.refused("POST", "/fapi/v1/order", **closing) == (-4141, "Symbol is closed.")
    assert trader.refused("POST", "/fapi/v1/algoOrder", **stop())[0] == -4141


def test_funding_rates_can_be_set_and_are_shown(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator("--start", "2025-01-02T07:58:00Z")
    trader = holding(simulator.account(futures={"USDT": "100000"}))
    coming = simulator.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")
    assert (coming["lastFundingRate"], coming["nextFundingTime"]) == ("0.00010000", 1_735_804_800_000)
    simulator.control("PUT", "/funding/BTCUSDT", {"rates": {"2025-01-02T08:00:00Z": "-0.0003"}})
    simulator.advance("2025-01-02T08:01:00Z")
    newest = simulator.get("/fapi/v1/fundingRate", symbol="BTCUSDT")[-1]
    assert (newest["fundingTime"], newest["fundingRate"]) == (1_735_804_800_000, "-0.00030000")
    (paid,) = trader.ok("GET", "/fapi/v1/income", symbol="BTCUSDT", incomeType="FUNDING_FEE")
    assert float(paid["income"]) == pytest.approx(0.1 * float(newest["markPrice"]) * 0.0003, abs=1e-7)
    kinds = [row["incomeType"] for row in trader.ok("GET", "/fapi/v1/income")]
    assert kinds == ["COMMISSION", "FUNDING_FEE"]
    one = simulator.get("/fapi/v1/fundingRate", symbol="BTCUSDT", startTime=1_735_776_000_000, limit=1)
    assert [row["fundingTime"] for row in one] == [1_735_776_000_000]


def test_everything_is_there_after_a_kill(
    start_simulator: Callable[..., Simulator], minutes: Path, tmp_path: Path
) -> None:
    market = ("--market", "csv", "--csv", str(minutes), "--start", "2024-03-04T00:05:00Z")
    arguments = (*market, "--state", str(tmp_path / "state"))
    simulator = start_simulator(*arguments)
    trader = holding(simulator.account(spot={"BTC": "1", "USDT": "10000"}, futures={"USDT": "10000"}))
    control(trader, permissions={"permitsUniversalTransfer": True}, trading_expires="2099-01-01T00:00:00Z")
    trader.ok("POST", TRANSFER, type="MAIN_UMFUTURE", asset="USDT", amount="1000")
    trader.ok("POST", "/api/v3/orderList/oco", **sale(stop="50260", listClientOrderId="list"))
    trader.ok("POST", "/fapi/v1/algoOrder", **stop("50260", clientAlgoId="algo"))
    trader.ok("POST", "/fapi/v1/order", **futures_limit("SELL", "51000", "0.1", reduceOnly="true"))
    simulator.control("PUT", "/liquidity", {"taking": "0.5"})
    paths = [f"/accounts/{trader.api_key}{part}" for part in ("", "/orders", "/executions", "/journal")]
    before = [simulator.control("GET", path) for path in paths]
    assert [len(before[0][name]) for name in ("open_orders", "open_order_lists", "open_algo_orders")] == [3, 1, 1]
    simulator.stop(signal.SIGKILL)
    again = start_simulator(*arguments)
    assert [again.control("GET", path) for path in paths] == before
    assert again.advance("2024-03-04T00:07:00Z")["filled_orders"] == 2
    orders = again.control("GET", f"/accounts/{trader.api_key}/orders")
    assert [one["status"] for one in orders["algo_orders"]] == ["FINISHED"]
    executed = {one["type"]: one["executed_quantity"] for one in orders["orders"] if one["status"] == "EXPIRED"}
    assert executed == {"STOP_LOSS": "0.005", "LIMIT_MAKER": "0", "MARKET": "0.05"}
