"""Clients that were written for Binance, unmodified: ccxt and Binance's own two connectors."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import ccxt  # type: ignore[import-untyped]  # it ships no types
import pytest
from binance.error import ClientError  # type: ignore[import-untyped]  # it ships no types
from binance.spot import Spot  # type: ignore[import-untyped]  # it ships no types
from binance.um_futures import UMFutures  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.exchange_simulator.conftest import Account, Simulator

SPOT, SWAP = "BTC/USDT", "BTC/USDT:USDT"


def ccxt_of(account: Account, **options: Any) -> ccxt.binance:
    """Return the configuration that suffices: base URLs, and which markets to load."""
    url = account.simulator.url
    client = ccxt.binance(
        {"apiKey": account.api_key, "secret": account.secret_key, "enableRateLimit": False, "options": options}
    )
    client.urls["api"] |= {
        "public": f"{url}/api/v3",
        "private": f"{url}/api/v3",
        "sapi": f"{url}/sapi/v1",
        "fapiPublic": f"{url}/fapi/v1",
        "fapiPublicV2": f"{url}/fapi/v2",
        "fapiPrivate": f"{url}/fapi/v1",
        "fapiPrivateV2": f"{url}/fapi/v2",
        "fapiPrivateV3": f"{url}/fapi/v3",
    }
    return client


@pytest.fixture
def spot(frozen: Simulator) -> ccxt.binance:
    return ccxt_of(frozen.account(spot={"USDT": "10000"}), fetchMarkets={"types": ["spot"]}, defaultType="spot")


@pytest.fixture
def swap(frozen: Simulator) -> ccxt.binance:
    return ccxt_of(frozen.account(futures={"USDT": "10000"}), fetchMarkets={"types": ["linear"]}, defaultType="swap")


def test_ccxt_loads_spot_markets_with_their_filters(spot: ccxt.binance) -> None:
    market = spot.load_markets()[SPOT]
    assert (market["precision"]["price"], market["precision"]["amount"]) == (0.01, 0.00001)
    assert market["limits"]["cost"]["min"] == 5.0
    assert market["active"] is True


def test_ccxt_loads_with_all_its_defaults_where_only_margin_pairs_are_asked_for(frozen: Simulator) -> None:
    client = ccxt_of(frozen.account(), fetchMarkets={"types": ["spot", "linear"]}, fetchMargins=True)
    assert {SPOT, SWAP} <= client.load_markets().keys()
    assert "USDT" in client.currencies


def test_ccxt_trades_spot_from_candles_to_fills(spot: ccxt.binance) -> None:
    candles = spot.fetch_ohlcv(SPOT, "1m", limit=3)
    assert [row[1:] for row in candles] == [
        [49850.0, 49900.0, 49500.0, 49600.0, 4.0],
        [49600.0, 50400.0, 49600.0, 50300.0, 5.0],
        [50300.0, 50300.0, 50300.0, 50300.0, 0.0],
    ]
    order = spot.create_order(SPOT, "market", "buy", 0.012, None, {"newClientOrderId": "tb1-x"})
    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.012, 50310.06)
    assert order["fee"] == {"currency": "BTC", "cost": 0.000012}
    found = spot.fetch_order(None, SPOT, {"origClientOrderId": "tb1-x"})
    assert (found["id"], found["status"], found["cost"]) == (order["id"], "closed", 603.72072)
    (trade,) = spot.fetch_my_trades(SPOT)
    assert (trade["order"], trade["price"], trade["fee"]["cost"]) == (order["id"], 50310.06, 0.000012)
    balance = spot.fetch_balance()
    assert (balance["BTC"]["free"], balance["USDT"]["free"]) == (0.011988, 9396.27928)


def test_ccxt_rests_and_cancels_on_spot(spot: ccxt.binance) -> None:
    order = spot.create_order(SPOT, "limit", "buy", 0.01, 49000, {"newClientOrderId": "rest"})
    assert order["status"] == "open"
    assert spot.fetch_balance()["USDT"]["used"] == 490.0
    assert [one["clientOrderId"] for one in spot.fetch_open_orders(SPOT)] == ["rest"]
    assert spot.cancel_order(None, SPOT, {"origClientOrderId": "rest"})["status"] == "canceled"
    assert spot.fetch_open_orders(SPOT) == []
    ioc = spot.create_order(SPOT, "limit", "buy", 0.01, 49000, {"timeInForce": "IOC"})
    assert ioc["status"] == "expired"
    assert [one["status"] for one in spot.fetch_orders(SPOT)] == ["canceled", "expired"]


def test_ccxt_raises_its_own_errors_for_refusals(spot: ccxt.binance) -> None:
    with pytest.raises(ccxt.ExchangeError, match="insufficient balance"):
        spot.create_order(SPOT, "market", "buy", 10)
    with pytest.raises(ccxt.OrderNotFound):
        spot.fetch_order(None, SPOT, {"origClientOrderId": "never"})
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        spot.create_order(SPOT, "market", "buy", 0.00005)
    with pytest.raises(ccxt.BadSymbol):
        spot.public_get_klines({"symbol": "NOPE", "interval": "1m"})
    with pytest.raises(ccxt.InvalidNonce):
        spot.private_get_account({"timestamp": 1})
    spot.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        spot.fetch_balance()


def test_ccxt_trades_futures_with_leverage_and_isolated_margin(swap: ccxt.binance) -> None:
    swap.set_margin_mode("isolated", SWAP)
    with pytest.raises(ccxt.MarginModeAlreadySet):
        swap.set_margin_mode("isolated", SWAP)
    assert swap.set_leverage(10, SWAP)["leverage"] == 10
    order = swap.create_order(SWAP, "market", "sell", 0.1, None, {"newClientOrderId": "tb1-f"})
    assert (order["status"], order["filled"], order["average"]) == ("closed", 0.1, 50289.9)
    assert swap.fetch_order(None, SWAP, {"origClientOrderId": "tb1-f"})["cost"] == 5028.99
    (position,) = swap.fetch_positions([SWAP])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("short", 0.1, 50289.9)
    assert (position["marginMode"], position["unrealizedPnl"]) == ("isolated", -1.01)
    (same,) = swap.fetch_positions([SWAP], {"useV2": True})
    assert same["leverage"] == 10
    swap.create_order(SWAP, "market", "buy", 0.1, None, {"reduceOnly": True})
    assert swap.fetch_positions([SWAP]) == []
    opened, closed = swap.fetch_my_trades(SWAP)
    assert (opened["fee"]["cost"], closed["info"]["realizedPnl"]) == (2.514495, "-2.02000000")
    # 10000 - 2.514495 - 2.02 - 2.515505
    assert swap.fetch_balance()["USDT"]["free"] == 9992.95


def test_ccxt_rests_and_cancels_on_futures(swap: ccxt.binance) -> None:
    order = swap.create_order(SWAP, "limit", "buy", 0.01, 49000, {"newClientOrderId": "rest"})
    assert order["status"] == "open"
    assert len(swap.fetch_open_orders(SWAP)) == 1
    assert swap.cancel_order(order["id"], SWAP)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        swap.cancel_order(order["id"], SWAP)


def test_ccxt_reads_tickers_and_time_of_both_markets(spot: ccxt.binance, swap: ccxt.binance) -> None:
    assert abs(spot.fetch_time() / 1000 - time.time()) < 5
    assert spot.fetch_ticker(SPOT)["last"] == 50300.0
    assert swap.fetch_ticker(SWAP)["last"] == 50300.0
    assert spot.fetch_bids_asks([SPOT])[SPOT]["ask"] == 50310.06
    assert swap.fetch_ohlcv(SWAP, "5m", limit=2)[-1][1] == 50300.0


@pytest.fixture
def quiet() -> Any:
    """The connectors log whole answers at DEBUG to the root logger."""
    logging.getLogger().setLevel(logging.WARNING)


@pytest.mark.usefixtures("quiet")
def test_binances_spot_connector_trades(frozen: Simulator) -> None:
    account = frozen.account(spot={"USDT": "10000"})
    client = Spot(account.api_key, account.secret_key, base_url=frozen.url)
    assert client.ping() == {}
    assert client.exchange_info(symbol="BTCUSDT")["symbols"][0]["baseAsset"] == "BTC"
    assert client.klines("BTCUSDT", "1m", limit=1)[0][1] == "50300.00000000"
    order = client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01", newClientOrderId="c1")
    assert (order["status"], order["fills"][0]["commission"]) == ("FILLED", "0.00001000")
    assert client.get_order("BTCUSDT", origClientOrderId="c1")["orderId"] == order["orderId"]
    rest = client.new_order(
        symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.005", price="51000"
    )
    assert [one["orderId"] for one in client.get_open_orders("BTCUSDT")] == [rest["orderId"]]
    assert client.cancel_order("BTCUSDT", orderId=rest["orderId"])["status"] == "CANCELED"
    assert len(client.my_trades("BTCUSDT")) == 1
    free = {row["asset"]: Decimal(row["free"]) for row in client.account()["balances"]}
    assert (free["BTC"], free["USDT"]) == (Decimal("0.00999"), Decimal("9496.8994"))
    assert client.api_key_permissions()["enableWithdrawals"] is False
    with pytest.raises(ClientError) as refused:
        client.get_order("BTCUSDT", origClientOrderId="never")
    assert (refused.value.status_code, refused.value.error_code) == (400, -2013)


@pytest.mark.usefixtures("quiet")
def test_binances_futures_connector_trades(frozen: Simulator) -> None:
    account = frozen.account(futures={"USDT": "10000"})
    client = UMFutures(account.api_key, account.secret_key, base_url=frozen.url)
    assert client.ping() == {}
    assert client.exchange_info()["symbols"][0]["symbol"] == "BTCUSDT"
    assert client.change_margin_type(symbol="BTCUSDT", marginType="ISOLATED")["code"] == 200
    assert client.change_leverage(symbol="BTCUSDT", leverage=10)["leverage"] == 10
    order = client.new_order(
        symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.1", newClientOrderId="c1", newOrderRespType="RESULT"
    )
    assert (order["status"], order["avgPrice"]) == ("FILLED", "50310.1")
    assert client.query_order("BTCUSDT", origClientOrderId="c1")["executedQty"] == "0.1"
    assert client.get_position_risk(symbol="BTCUSDT")[0]["entryPrice"] == "50310.1"
    rest = client.new_order(
        symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.1", price="51000", reduceOnly="true"
    )
    assert len(client.get_orders(symbol="BTCUSDT")) == 1
    assert client.cancel_order("BTCUSDT", orderId=rest["orderId"])["status"] == "CANCELED"
    (trade,) = client.get_account_trades(symbol="BTCUSDT")
    assert trade["commission"] == "2.51550500"
    assert client.balance()[0]["balance"] == "9997.48449500"
    assert client.account()["totalWalletBalance"] == "9997.48449500"
    assert client.leverage_brackets(symbol="BTCUSDT")[0]["brackets"][0]["initialLeverage"] == 125
    with pytest.raises(ClientError) as refused:
        client.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.0001")
    assert refused.value.error_code == -1111


def test_several_accounts_trade_at_once_over_kept_connections(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator()
    clients = [
        ccxt_of(simulator.account(spot={"USDT": "100000"}), fetchMarkets={"types": ["spot"]}, fetchCurrencies=False)
        for _ in range(4)
    ]

    def trade(client: ccxt.binance) -> float:
        client.load_markets()
        for _ in range(10):
            client.create_order(SPOT, "market", "buy", 0.01)
        return float(client.fetch_balance()["BTC"]["free"])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(trade, clients)) == [0.0999] * 4
    assert simulator.control("GET", "/stats")["requests"]["POST /api/v3/order"] == 40


def test_ccxt_places_shows_and_cancels_a_stop_on_futures(frozen: Simulator) -> None:
    account = frozen.account(futures={"USDT": "10000"})
    client = ccxt_of(account, fetchMarkets={"types": ["linear"]}, defaultType="swap")
    client.create_order(SWAP, "market", "buy", 0.1)
    parameters = {"stopLossPrice": 50000, "reduceOnly": True, "clientOrderId": "mine"}
    placed = client.create_order(SWAP, "market", "sell", 0.1, None, parameters)
    assert (placed["clientOrderId"], placed["status"], placed["triggerPrice"]) == ("mine", "open", 50000.0)
    assert client.fetch_open_orders(SWAP) == []
    (shown,) = client.fetch_open_orders(SWAP, params={"trigger": True})
    assert (shown["id"], shown["info"]["orderType"], shown["reduceOnly"]) == (placed["id"], "STOP_MARKET", True)
    with pytest.raises(ccxt.ExchangeError, match="-2021"):
        client.create_order(SWAP, "market", "sell", 0.1, None, {"stopLossPrice": 50400, "reduceOnly": True})
    client.cancel_order(placed["id"], SWAP, {"trigger": True})
    assert client.fetch_order(placed["id"], SWAP, {"trigger": True})["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(placed["id"], SWAP, {"trigger": True})


def test_ccxt_reads_a_triggered_stop_and_funding(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator("--start", "2025-01-02T07:58:00Z")
    client = ccxt_of(
        simulator.account(futures={"USDT": "100000"}), fetchMarkets={"types": ["linear"]}, defaultType="swap"
    )
    client.create_order(SWAP, "market", "buy", 0.1)
    price = client.fetch_ticker(SWAP)["last"]
    near = client.price_to_precision(SWAP, price - 0.2)
    placed = client.create_order(SWAP, "market", "sell", 0.05, None, {"stopLossPrice": near, "reduceOnly": True})
    simulator.advance("2025-01-02T12:00:00Z")
    shown = client.fetch_order(placed["id"], SWAP, {"trigger": True})
    assert shown["status"] == "closed"
    became = client.fetch_order(shown["info"]["actualOrderId"], SWAP)
    assert (became["status"], became["filled"], became["side"]) == ("closed", 0.05, "sell")
    (paid,) = client.fetch_funding_history(SWAP)
    assert (paid["code"], paid["timestamp"]) == ("USDT", 1_735_804_800_000)
    rates = client.fetch_funding_rate_history(SWAP)
    assert (rates[-1]["fundingRate"], rates[-1]["timestamp"]) == (0.0001, 1_735_804_800_000)
    assert client.fetch_funding_rate(SWAP)["fundingTimestamp"] == 1_735_833_600_000
    assert client.fetch_leverage_tiers([SWAP])[SWAP][0]["maintenanceMarginRate"] == 0.004


def test_ccxt_places_an_order_list_and_sees_its_legs(frozen: Simulator) -> None:
    account = frozen.account(spot={"BTC": "1"})
    client = ccxt_of(account, fetchMarkets={"types": ["spot"]}, defaultType="spot")
    client.load_markets()
    sale = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "listClientOrderId": "list"}
    sale |= {"aboveType": "LIMIT_MAKER", "abovePrice": "51000", "aboveClientOrderId": "profit"}
    sale |= {"belowType": "STOP_LOSS", "belowStopPrice": "50000", "belowClientOrderId": "stop"}
    client.private_post_orderlist_oco(sale)
    stop, profit = client.fetch_open_orders(SPOT)
    assert (stop["info"]["type"], stop["triggerPrice"], stop["clientOrderId"]) == ("STOP_LOSS", 50000.0, "stop")
    assert (profit["type"], profit["price"], profit["postOnly"]) == ("limit", 51000.0, True)
    assert client.private_get_orderlist({"origClientOrderId": "list"})["listOrderStatus"] == "EXECUTING"
    client.private_delete_orderlist({"symbol": "BTCUSDT", "listClientOrderId": "list"})
    assert client.fetch_open_orders(SPOT) == []
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        client.create_order(SPOT, "market", "sell", 0.01, None, {"stopLossPrice": 50400})


def test_ccxt_transfers_to_futures(frozen: Simulator) -> None:
    account = frozen.account(spot={"USDT": "100"})
    frozen.control("PUT", f"/accounts/{account.api_key}", {"permissions": {"permitsUniversalTransfer": True}})
    client = ccxt_of(account, fetchMarkets={"types": ["spot"]}, defaultType="spot")
    made = client.transfer("USDT", 40, "spot", "linear")
    (shown,) = client.fetch_transfers("USDT", params={"fromAccount": "spot", "toAccount": "linear"})
    assert (shown["id"], shown["amount"], shown["status"]) == (made["id"], 40.0, "ok")
    with pytest.raises(ccxt.ExchangeError, match="insufficient balance"):
        client.transfer("USDT", 61, "spot", "linear")
