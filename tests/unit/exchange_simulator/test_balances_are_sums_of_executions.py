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

from infra.local.exchange import liquidity
from infra.local.exchange.answer import Wire
from infra.local.exchange.errors import ApiError
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.instruments import listed
from infra.local.exchange.liquidity import Liquidity
from infra.local.exchange.market.generator import GeneratedMinutes
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.routes.table import answer
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from infra.local.exchange.times import MINUTE_MS

START_MS = 1_740_814_200_000  # half an hour before a funding stamp
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
        account.permissions = {"permitsUniversalTransfer": True}
        self.exchange.state.keep_account(account)
        self.exchange.state.commit()
        self.send("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
        self.send("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)

    def send(self, method: str, path: str, **parameters: Any) -> tuple[int, Any]:
        text = urlencode({"timestamp": time.time_ns() // 1_000_000, **parameters})
        text += "&signature=" + hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest()
        made = answer(self.exchange, Wire(method, path, text, "", "key"))
        return made.status, made.body


@st.composite
def actions(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "kind": draw(
            st.sampled_from(
                ["market"] * 3
                + ["limit"] * 2
                + ["advance"] * 2
                + ["oco", "stop", "algo", "cancel", "cancel list", "transfer", "liquidity"]
            )
        ),
        "futures": draw(st.booleans()),
        "symbol": draw(st.sampled_from(["BTCUSDT", "SOLUSDT"])),
        "side": draw(st.sampled_from(["BUY", "SELL"])),
        "steps": draw(st.integers(1, 60)),
        "offset": draw(st.integers(-100, 100)),
        "tif": draw(st.sampled_from(["GTC", "IOC"])),
        "minutes": draw(st.one_of(st.integers(1, 30), st.integers(100, 500))),
        "share": draw(st.sampled_from(["0.3", "0.7", "1"])),
        "reduce_only": draw(st.booleans()),
        "by_quote": draw(st.booleans()),
    }


def act(client: Client, one: dict[str, Any]) -> None:
    exchange, symbol = client.exchange, one["symbol"]
    if one["kind"] == "advance":
        exchange.advance(exchange.market.now_ms() + one["minutes"] * MINUTE_MS)
        exchange.state.commit()
        return
    if one["kind"] == "liquidity":
        liquidity.keep(
            exchange.state, Liquidity(Decimal(one["share"]), Decimal(one["share"]), one["steps"] % 3 + 1, seed=1)
        )
        return
    if one["kind"] == "transfer":
        way = "MAIN_UMFUTURE" if one["futures"] else "UMFUTURE_MAIN"
        amount = f"{one['steps']}.07"
        status, body = client.send("POST", "/sapi/v1/asset/transfer", type=way, asset="USDT", amount=amount)
        assert status == 200 or body["code"] == -5013
        return
    base = "/fapi/v1" if one["futures"] else "/api/v3"
    if one["kind"] == "cancel list":
        for row in client.send("GET", "/api/v3/openOrderList")[1][:1]:
            client.send("DELETE", "/api/v3/orderList", symbol=row["symbol"], orderListId=row["orderListId"])
        return
    if one["kind"] == "cancel":
        _, resting = client.send("GET", f"{base}/openOrders", symbol=symbol)
        if resting:
            client.send("DELETE", f"{base}/order", symbol=symbol, orderId=resting[0]["orderId"])
        return
    if one["kind"] in {"oco", "stop", "algo"}:
        wait(client, one)
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
    assert status == 200 or body["code"] in {-2010, -2019, -2022, -2027, -4164, -1013}, body


def wait(client: Client, one: dict[str, Any]) -> None:
    """Place what waits for a price, on both sides of the market or beyond it."""
    symbol, side = one["symbol"], one["side"]
    _, ticker = client.send("GET", "/api/v3/ticker/price", symbol=symbol)
    price, away = Decimal(ticker["price"]), Decimal(abs(one["offset"]) + 10) / 10_000
    high, low = (f"{(price * (1 + sign * away)).quantize(Decimal('0.1')):f}" for sign in (1, -1))
    quantity = f"{(Decimal('0.001') if symbol == 'BTCUSDT' else Decimal('0.1')) * one['steps']:f}"
    order = {"symbol": symbol, "side": side, "quantity": quantity}
    if one["kind"] == "algo":
        kind = "STOP_MARKET" if one["by_quote"] else "TAKE_PROFIT_MARKET"
        trigger = low if (side == "SELL") == one["by_quote"] else high
        reduces = str(one["reduce_only"]).lower()
        order |= {"algoType": "CONDITIONAL", "type": kind, "triggerPrice": trigger, "reduceOnly": reduces}
        status, body = client.send("POST", "/fapi/v1/algoOrder", **order)
    elif one["kind"] == "stop":
        stop = low if side == "SELL" else high
        status, body = client.send("POST", "/api/v3/order", **order, type="STOP_LOSS", stopPrice=stop)
    else:
        stop_leg, limit_leg = ("below", "above") if side == "SELL" else ("above", "below")
        stop, limit = (low, high) if side == "SELL" else (high, low)
        order |= {f"{stop_leg}Type": "STOP_LOSS", f"{stop_leg}StopPrice": stop}
        order |= {f"{limit_leg}Type": "LIMIT_MAKER", f"{limit_leg}Price": limit}
        status, body = client.send("POST", "/api/v3/orderList/oco", **order)
    assert status == 200 or body["code"] in {-2010, -2021, -2022, -4045, -4164, -1013}, body


def locked_by(resting: list[dict[str, Any]], asset: str) -> Decimal:
    """Return what open orders hold of an asset; two legs of a list hold it once, the dearer one's."""
    held: dict[Any, Decimal] = {}
    for one in resting:
        if (one["side"] == "BUY") != (asset == "USDT") or asset not in one["symbol"]:
            continue
        price = Decimal(one["stopPrice"]) or Decimal(one["price"])
        amount = (Decimal(one["origQty"]) - Decimal(one["executedQty"])) * (price if asset == "USDT" else 1)
        name = one["orderListId"] if one["orderListId"] != -1 else (one["symbol"], one["orderId"])
        held[name] = max(held.get(name, amount), amount)
    return sum(held.values(), Decimal(0))


def spot_from_executions(client: Client) -> dict[str, Decimal]:
    amounts = dict(DEPOSIT)
    for row in client.exchange.state.journal.transfers.get("key", []):
        amounts["USDT"] -= row.amount if row.type == "MAIN_UMFUTURE" else -row.amount
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


def count_what_was_tried(client: Client) -> None:
    for symbol in ("BTCUSDT", "SOLUSDT"):
        for order in client.send("GET", "/api/v3/allOrders", symbol=symbol, limit=1000)[1]:
            executed = Decimal(order["executedQty"])
            SEEN["stop executed"] += order["type"] == "STOP_LOSS" and executed > 0
            SEEN["take profit of a list executed"] += order["type"] == "LIMIT_MAKER" and executed > 0
            SEEN["partly executed"] += 0 < executed < Decimal(order["origQty"])
        for order in client.send("GET", "/fapi/v1/allOrders", symbol=symbol, limit=1000)[1]:
            SEEN["liquidation"] += order["clientOrderId"].startswith("autoclose-")
        for algo in client.send("GET", "/fapi/v1/allAlgoOrders", symbol=symbol, limit=1000)[1]:
            SEEN["algo order executed"] += algo["algoStatus"] == "FINISHED"


def test_balances_are_deposits_plus_executions() -> None:
    SEEN.clear()
    balances_are_deposits_plus_executions()
    # What was tried must have been worth trying.
    assert SEEN["spot taker"] > 10
    assert SEEN["spot maker"] > 10
    assert SEEN["futures taker"] > 10
    assert SEEN["futures maker"] > 10
    assert SEEN["profit realised"] > 10
    for name in ("stop executed", "take profit of a list executed", "partly executed", "TRANSFER"):
        assert SEEN[name] > 5, (name, SEEN)
    for name in ("algo order executed", "liquidation", "FUNDING_FEE"):
        assert SEEN[name] > 5, (name, SEEN)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(actions(), min_size=10, max_size=40))
def balances_are_deposits_plus_executions(todo: list[dict[str, Any]]) -> None:
    client = Client()
    for one in todo:
        act(client, one)

    shown = {row["asset"]: row for row in client.send("GET", "/api/v3/account")[1]["balances"]}
    resting = client.send("GET", "/api/v3/openOrders")[1]
    # A purchase whose other leg was dearer keeps the difference locked until it is done.
    half_filled = [one for one in resting if one["orderListId"] != -1 and Decimal(one["executedQty"])]
    for asset, amount in spot_from_executions(client).items():
        assert Decimal(shown[asset]["free"]) + Decimal(shown[asset]["locked"]) == amount
        assert Decimal(shown[asset]["free"]) >= 0
        if asset != "USDT" or not half_filled:
            assert Decimal(shown[asset]["locked"]) == locked_by(resting, asset)

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
    income = client.send("GET", "/fapi/v1/income", startTime=START_MS, limit=1000)[1]
    assert len(income) < 1000
    other = Decimal(0)
    for row in income:
        if row["incomeType"] in {"FUNDING_FEE", "TRANSFER"}:
            other += Decimal(row["income"])
            SEEN[row["incomeType"]] += 1
    assert account.futures["USDT"] == DEPOSIT["USDT"] + change + other
    assert sum((Decimal(row["income"]) for row in income), Decimal(0)) == change + other
    count_what_was_tried(client)
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
