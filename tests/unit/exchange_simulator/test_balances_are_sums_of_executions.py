"""Whatever is ordered: every balance is what was deposited plus the sum of the executions, to the last decimal."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import Counter
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.exchange.answer import Wire
from infra.local.exchange.errors import ApiError
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.instruments import listed
from infra.local.exchange.market.generator import GeneratedMinutes
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.routes.table import answer
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from infra.local.exchange.times import MINUTE_MS

START_MS = 1_740_787_200_000
DEPOSIT = {"USDT": Decimal(5000), "BTC": Decimal("0.1"), "SOL": Decimal(20)}
INSTRUMENTS = listed()
SOURCE = GeneratedMinutes(3, INSTRUMENTS)  # its cached days serve every example


class Client:
    """One account of an exchange in this process, and a signer."""

    def __init__(self) -> None:
        market = MinuteMarket(SOURCE, INSTRUMENTS, START_MS, Decimal(2))
        self.exchange = Exchange(Settings(), market, State(None))
        account = Account("key", "secret", futures={"USDT": DEPOSIT["USDT"]})
        account.spot = {asset: Balance(free=amount) for asset, amount in DEPOSIT.items()}
        self.exchange.state.keep_account(account)
        self.exchange.state.commit()

    def send(self, method: str, path: str, **parameters: Any) -> tuple[int, Any]:
        text = urlencode({"timestamp": time.time_ns() // 1_000_000, **parameters})
        text += "&signature=" + hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
        made = answer(self.exchange, Wire(method, path, text, "", "key"))
        return made.status, made.body


@st.composite
def actions(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "kind": draw(st.sampled_from(["market", "market", "limit", "limit", "cancel", "advance"])),
        "futures": draw(st.booleans()),
        "symbol": draw(st.sampled_from(["BTCUSDT", "SOLUSDT"])),
        "side": draw(st.sampled_from(["BUY", "SELL"])),
        "steps": draw(st.integers(1, 60)),
        "offset": draw(st.integers(-100, 100)),
        "tif": draw(st.sampled_from(["GTC", "IOC"])),
        "minutes": draw(st.integers(1, 30)),
        "reduce_only": draw(st.booleans()),
        "by_quote": draw(st.booleans()),
    }


def act(client: Client, one: dict[str, Any]) -> None:
    exchange, symbol = client.exchange, one["symbol"]
    if one["kind"] == "advance":
        exchange.advance(exchange.market.now_ms() + one["minutes"] * MINUTE_MS)
        exchange.state.commit()
        return
    base = "/fapi/v1" if one["futures"] else "/api/v3"
    if one["kind"] == "cancel":
        _, resting = client.send("GET", f"{base}/openOrders", symbol=symbol)
        if resting:
            client.send("DELETE", f"{base}/order", symbol=symbol, orderId=resting[0]["orderId"])
        return
    step = Decimal("0.001") if symbol == "BTCUSDT" else Decimal("0.1")
    order: dict[str, Any] = {"symbol": symbol, "side": one["side"], "type": one["kind"].upper()}
    order["quantity"] = f"{step * one['steps']:f}"
    if one["kind"] == "limit":
        _, ticker = client.send("GET", f"{base}/ticker/price", symbol=symbol)
        price = Decimal(ticker["price"]) * (1 + Decimal(one["offset"]) / 10_000)
        order |= {"price": f"{price.quantize(Decimal('0.1')):f}", "timeInForce": one["tif"]}
    elif one["by_quote"] and not one["futures"]:
        order["quoteOrderQty"] = f"{one['steps'] * 7}.13"
        del order["quantity"]
    if one["futures"] and one["reduce_only"]:
        order["reduceOnly"] = "true"
    status, body = client.send("POST", f"{base}/order", **order)
    assert status == 200 or body["code"] in {-2010, -2019, -2022, -4164, -1013}, body


def spot_from_executions(client: Client) -> dict[str, Decimal]:
    amounts = dict(DEPOSIT)
    for symbol in ("BTCUSDT", "SOLUSDT"):
        base = symbol.removesuffix("USDT")
        for trade in client.send("GET", "/api/v3/myTrades", symbol=symbol)[1]:
            sign = 1 if trade["isBuyer"] else -1
            quantity, price = Decimal(trade["qty"]), Decimal(trade["price"])
            amounts[base] += sign * quantity
            amounts["USDT"] -= sign * quantity * price
            amounts[trade["commissionAsset"]] -= Decimal(trade["commission"])
            SEEN["spot maker" if trade["isMaker"] else "spot taker"] += 1
            received = quantity if trade["isBuyer"] else quantity * price
            assert 0 <= Decimal(trade["commission"]) - received / 1000 < Decimal("0.00000001")
    return amounts


SEEN: Counter[str] = Counter()


def test_balances_are_deposits_plus_executions() -> None:
    SEEN.clear()
    balances_are_deposits_plus_executions()
    # What was tried must have been worth trying.
    assert SEEN["spot taker"] > 50
    assert SEEN["spot maker"] > 20
    assert SEEN["futures taker"] > 50
    assert SEEN["futures maker"] > 20
    assert SEEN["profit realised"] > 30


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(actions(), min_size=10, max_size=40))
def balances_are_deposits_plus_executions(todo: list[dict[str, Any]]) -> None:
    client = Client()
    for one in todo:
        act(client, one)

    shown = {row["asset"]: row for row in client.send("GET", "/api/v3/account")[1]["balances"]}
    resting = client.send("GET", "/api/v3/openOrders")[1]
    for asset, amount in spot_from_executions(client).items():
        assert Decimal(shown[asset]["free"]) + Decimal(shown[asset]["locked"]) == amount
        assert Decimal(shown[asset]["free"]) >= 0
        locked = sum(
            Decimal(one["origQty"]) * (Decimal(one["price"]) if asset == "USDT" else 1)
            for one in resting
            if (one["side"] == "BUY") == (asset == "USDT") and asset in one["symbol"]
        )
        assert Decimal(shown[asset]["locked"]) == locked

    change, held, spent = Decimal(0), dict.fromkeys(("BTCUSDT", "SOLUSDT"), Decimal(0)), Decimal(0)
    for symbol in held:
        for trade in client.send("GET", "/fapi/v1/userTrades", symbol=symbol)[1]:
            change += Decimal(trade["realizedPnl"]) - Decimal(trade["commission"])
            sign = 1 if trade["side"] == "BUY" else -1
            SEEN["futures maker" if trade["maker"] else "futures taker"] += 1
            SEEN["profit realised"] += Decimal(trade["realizedPnl"]) != 0
            held[symbol] += sign * Decimal(trade["qty"])
            spent -= sign * Decimal(trade["qty"]) * Decimal(trade["price"]) + Decimal(trade["commission"])
    account = client.exchange.state.accounts["key"]
    assert account.futures["USDT"] == DEPOSIT["USDT"] + change
    open_value = Decimal(0)
    for symbol, quantity in held.items():
        position = account.position(symbol)
        assert position.quantity == quantity
        open_value += position.cost if quantity > 0 else -position.cost
    # All cash that moved, with what is open at its cost, is the change of the wallet: no rounding got lost.
    assert spent + open_value == change


def test_a_refused_order_changes_nothing() -> None:
    client = Client()
    before = client.exchange.state.accounts["key"].to_json()
    for path in ("/api/v3/order", "/fapi/v1/order"):
        status, _ = client.send("POST", path, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="100")
        assert status == 400
    assert client.exchange.state.accounts["key"].to_json() == before
    assert client.send("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1] == []


def test_a_refusal_in_the_middle_of_a_change_undoes_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()

    def refuse(*_: object) -> None:
        raise ApiError(-2010, "later than usual")

    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    monkeypatch.setattr(State, "add_execution", refuse)
    assert client.send("POST", "/api/v3/order", **order)[0] == 400
    monkeypatch.undo()
    assert client.send("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1] == []
    assert client.send("POST", "/api/v3/order", **order)[1]["orderId"] == 1


def test_an_error_in_the_middle_of_a_change_undoes_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    before = client.exchange.state.accounts["key"].to_json()

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(State, "add_execution", fail)
    with pytest.raises(RuntimeError):
        client.send("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    monkeypatch.undo()
    assert client.exchange.state.accounts["key"].to_json() == before
    assert client.send("GET", "/api/v3/allOrders", symbol="BTCUSDT")[1] == []
    status, body = client.send("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
    assert (status, body["orderId"]) == (200, 1)
