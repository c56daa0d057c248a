"""Algo orders over HTTP: shapes, statuses and refusals; the market stands at 50300."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.exchange_simulator.test_futures_orders import isolated, limit, order, position

if TYPE_CHECKING:
    from tests.integration.exchange_simulator.conftest import Account

ALGO, ORDER = "/fapi/v1/algoOrder", "/fapi/v1/order"


def stop(price: str = "50000", **others: Any) -> dict[str, Any]:
    return {
        "algoType": "CONDITIONAL",
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "STOP_MARKET",
        "quantity": "0.1",
        "triggerPrice": price,
        "reduceOnly": "true",
        "workingType": "CONTRACT_PRICE",
        **others,
    }


def holding(account: Account, side: str = "BUY") -> Account:
    isolated(account, 10).ok("POST", ORDER, **order(side, quantity="0.1"))
    return account


@pytest.fixture
def trader(frozen: Any) -> Account:
    return holding(frozen.account(futures={"USDT": "10000"}))


@pytest.fixture
def mover(moving: Any) -> Account:
    return holding(moving.account(futures={"USDT": "10000"}))


def test_a_stop_waits_outside_the_book(trader: Account) -> None:
    answer = trader.ok("POST", ALGO, **stop(clientAlgoId="mine:1"))
    assert (answer["clientAlgoId"], answer["algoStatus"], answer["algoType"]) == ("mine:1", "NEW", "CONDITIONAL")
    assert (answer["orderType"], answer["triggerPrice"], answer["quantity"]) == ("STOP_MARKET", "50000", "0.1")
    assert (answer["reduceOnly"], answer["closePosition"]) == (True, False)
    assert trader.ok("GET", "/fapi/v1/openOrders", symbol="BTCUSDT") == []
    shown = trader.ok("GET", ALGO, clientAlgoId="mine:1")
    assert (shown["algoStatus"], shown["actualOrderId"]) == ("NEW", "")
    assert trader.ok("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT") == [shown]
    assert trader.ok("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT") == [shown]
    assert trader.ok("GET", ALGO, algoId=answer["algoId"]) == shown


def test_a_cancelled_stop_is_shown_as_such_and_frees_its_id(trader: Account) -> None:
    placed = trader.ok("POST", ALGO, **stop(clientAlgoId="mine"))
    assert trader.refused("POST", ALGO, **stop(clientAlgoId="mine")) == (-4116, "ClientOrderId is duplicated.")
    answer = trader.ok("DELETE", ALGO, clientAlgoId="mine")
    assert answer == {"algoId": placed["algoId"], "clientAlgoId": "mine", "code": "200", "msg": "success"}
    assert trader.refused("DELETE", ALGO, clientAlgoId="mine") == (-2011, "Unknown order sent.")
    assert trader.ok("GET", ALGO, clientAlgoId="mine")["algoStatus"] == "CANCELED"
    assert trader.refused("GET", ALGO, clientAlgoId="other") == (-2013, "Order does not exist.")
    again = trader.ok("POST", ALGO, **stop(clientAlgoId="mine"))
    assert again["algoId"] != placed["algoId"]
    trader.ok("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT")
    assert trader.ok("GET", "/fapi/v1/openAlgoOrders") == []


def test_a_triggered_stop_names_the_market_order_that_it_became(mover: Account) -> None:
    mover.ok("POST", ALGO, **stop("50260", clientAlgoId="mine"))
    assert mover.simulator.advance("2024-03-04T00:07:00Z")["filled_orders"] == 1  # 00:05 falls to 50250
    shown = mover.ok("GET", ALGO, clientAlgoId="mine")
    # 50260 x 0.9998 = 50249.948, down to 50249.9
    assert (shown["algoStatus"], shown["actualPrice"], shown["actualQty"]) == ("FINISHED", "50249.9", "0.1")
    became = mover.ok("GET", ORDER, symbol="BTCUSDT", orderId=shown["actualOrderId"])
    assert (became["type"], became["side"], became["status"]) == ("MARKET", "SELL", "FILLED")
    assert (became["avgPrice"], became["clientOrderId"]) == ("50249.9", "mine")
    (trade,) = mover.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", orderId=became["orderId"])
    assert (trade["maker"], trade["commission"]) == (False, "2.51249500")
    assert position(mover)["positionAmt"] == "0"


def test_it_closes_what_is_left_of_the_position(mover: Account) -> None:
    mover.ok("POST", ALGO, **stop("50260", clientAlgoId="mine"))
    mover.ok("POST", ORDER, **order("SELL", quantity="0.06", reduceOnly="true"))
    mover.simulator.advance("2024-03-04T00:07:00Z")
    shown = mover.ok("GET", ALGO, clientAlgoId="mine")
    assert (shown["algoStatus"], shown["quantity"], shown["actualQty"]) == ("FINISHED", "0.1", "0.04")
    assert position(mover)["positionAmt"] == "0"


def test_without_a_position_the_matching_engine_refuses_it(mover: Account) -> None:
    mover.ok("POST", ALGO, **stop("50260", clientAlgoId="mine"))
    mover.ok("POST", ALGO, **stop("50261", clientAlgoId="all", closePosition="true", quantity="0", reduceOnly="false"))
    mover.ok("POST", ORDER, **order("SELL", quantity="0.1", reduceOnly="true"))
    mover.simulator.advance("2024-03-04T00:07:00Z")
    assert mover.ok("GET", ALGO, clientAlgoId="mine")["algoStatus"] == "REJECTED"
    assert mover.ok("GET", ALGO, clientAlgoId="all")["algoStatus"] == "EXPIRED"
    assert len(mover.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")) == 2


def test_close_position_closes_all_of_it(mover: Account) -> None:
    close = stop("50260", closePosition="true", clientAlgoId="all")
    del close["quantity"], close["reduceOnly"]
    mover.ok("POST", ALGO, **close)
    assert mover.refused("POST", ALGO, **(close | {"clientAlgoId": "more"}))[0] == -4130
    mover.ok("POST", ORDER, **order("BUY", quantity="0.05"))
    mover.simulator.advance("2024-03-04T00:07:00Z")
    assert mover.ok("GET", ALGO, clientAlgoId="all")["actualQty"] == "0.15"
    assert position(mover)["positionAmt"] == "0"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (stop("50300"), -2021),
        (stop("50301"), -2021),
        (stop("50300", type="TAKE_PROFIT_MARKET"), -2021),
        (stop("51000", side="BUY"), -2022),
        (stop("51000", side="BUY", reduceOnly="false", quantity="0.001"), -4164),
        (stop("50000.01"), -4014),
        (stop("0"), -4006),
        (stop(quantity="0.0001"), -1111),
        (stop(quantity="0"), -4003),
        (stop(closePosition="true", reduceOnly="false"), -4137),
        (stop(algoType="VP"), -1130),
        (stop(type="MARKET"), -1116),
        (stop(type="STOP"), -1020),
        (stop(positionSide="LONG"), -4061),
        (stop(clientAlgoId="x" * 37), -4015),
        (stop() | {"triggerPrice": None}, -1102),
        (stop() | {"quantity": None}, -1102),
    ],
)
def test_an_algo_order_that_cannot_be_is_refused(trader: Account, wrong: dict[str, Any], code: int) -> None:
    sent = {name: value for name, value in wrong.items() if value is not None}
    assert trader.refused("POST", ALGO, **sent)[0] == code
    assert trader.ok("GET", "/fapi/v1/openAlgoOrders") == []


def test_the_ordinary_endpoint_sends_stops_to_the_algo_endpoint(trader: Account) -> None:
    old = order("SELL", "STOP_MARKET", stopPrice="50000", quantity="0.1", reduceOnly="true")
    words = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
    assert trader.refused("POST", ORDER, **old) == (-4120, words)


def test_no_more_than_ten_wait(trader: Account) -> None:
    for _ in range(10):
        trader.ok("POST", ALGO, **stop())
    assert trader.refused("POST", ALGO, **stop()) == (-4045, "Reach max stop order limit.")


def test_a_resting_reduce_only_order_shrinks_with_the_position_and_ends_with_it(trader: Account) -> None:
    resting = trader.ok("POST", ORDER, **limit("SELL", "51000", "0.1", reduceOnly="true"))
    trader.ok("POST", ORDER, **order("SELL", quantity="0.03", reduceOnly="true"))
    shown = trader.ok("GET", ORDER, symbol="BTCUSDT", orderId=resting["orderId"])
    assert (shown["status"], shown["origQty"]) == ("NEW", "0.07")
    trader.ok("POST", ORDER, **order("SELL", quantity="0.1"))  # through flat into a short
    assert trader.ok("GET", ORDER, symbol="BTCUSDT", orderId=resting["orderId"])["status"] == "EXPIRED"
