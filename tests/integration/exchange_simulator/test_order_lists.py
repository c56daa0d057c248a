"""Spot stops and order lists over HTTP: shapes, refusals, what they lock; the market stands at 50300."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.exchange_simulator.conftest import Account

OCO, LIST, ORDER = "/api/v3/orderList/oco", "/api/v3/orderList", "/api/v3/order"


def sale(stop: str = "50000", profit: str = "51000", **others: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": "0.01",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": profit,
        "belowType": "STOP_LOSS",
        "belowStopPrice": stop,
        **others,
    }


def purchase(stop: str = "51000", profit: str = "50000") -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "quantity": "0.01",
        "aboveType": "STOP_LOSS",
        "aboveStopPrice": stop,
        "belowType": "LIMIT_MAKER",
        "belowPrice": profit,
    }


@pytest.fixture
def trader(frozen: Any) -> Account:
    return frozen.account(spot={"USDT": "10000", "BTC": "1"})  # type: ignore[no-any-return]  # the fixture is a Simulator


@pytest.fixture
def mover(moving: Any) -> Account:
    return moving.account(spot={"USDT": "10000", "BTC": "1"})  # type: ignore[no-any-return]  # the fixture is a Simulator


def test_a_list_names_itself_and_its_legs_and_locks_once(trader: Account) -> None:
    ids = {"listClientOrderId": "mine", "aboveClientOrderId": "mine-tp", "belowClientOrderId": "mine-sl"}
    answer = trader.ok("POST", OCO, **sale(**ids))
    assert answer["contingencyType"] == "OCO"
    assert (answer["listStatusType"], answer["listOrderStatus"]) == ("EXEC_STARTED", "EXECUTING")
    assert answer["listClientOrderId"] == "mine"
    assert [one["clientOrderId"] for one in answer["orders"]] == ["mine-sl", "mine-tp"]
    stop, profit = answer["orderReports"]
    assert (stop["type"], stop["stopPrice"], stop["price"]) == ("STOP_LOSS", "50000.00000000", "0.00000000")
    assert (profit["type"], profit["price"], profit["status"]) == ("LIMIT_MAKER", "51000.00000000", "NEW")
    assert {one["orderListId"] for one in (stop, profit)} == {answer["orderListId"]}
    assert trader.spot("BTC") == ("0.99000000", "0.01000000")
    resting = trader.ok("GET", "/api/v3/openOrders", symbol="BTCUSDT")
    assert [(one["type"], one["isWorking"]) for one in resting] == [("STOP_LOSS", False), ("LIMIT_MAKER", True)]
    shown = {name: value for name, value in answer.items() if name != "orderReports"}
    assert trader.ok("GET", LIST, origClientOrderId="mine") == shown
    assert trader.ok("GET", LIST, orderListId=answer["orderListId"]) == shown
    assert trader.ok("GET", "/api/v3/openOrderList") == [shown]
    assert trader.ok("GET", "/api/v3/allOrderList") == [shown]


def test_a_purchase_locks_what_its_dearer_leg_would_cost(trader: Account) -> None:
    trader.ok("POST", OCO, **purchase())
    assert trader.spot("USDT") == ("9490.00000000", "510.00000000")


def test_cancelling_the_list_cancels_both_legs_and_a_second_time_there_is_nothing(trader: Account) -> None:
    trader.ok("POST", OCO, **sale(listClientOrderId="mine"))
    answer = trader.ok("DELETE", LIST, symbol="BTCUSDT", listClientOrderId="mine")
    assert (answer["listStatusType"], answer["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert [one["status"] for one in answer["orderReports"]] == ["CANCELED", "CANCELED"]
    assert trader.spot("BTC") == ("1.00000000", "0.00000000")
    again = trader.refused("DELETE", LIST, symbol="BTCUSDT", listClientOrderId="mine")
    assert again == (-2011, "Unknown order sent.")
    assert trader.refused("GET", LIST, origClientOrderId="other") == (-2018, "Order list does not exist.")
    assert trader.ok("POST", OCO, **sale(listClientOrderId="mine"))["listClientOrderId"] == "mine"  # free again


@pytest.mark.parametrize("leg", [0, 1])
def test_cancelling_one_leg_cancels_both(trader: Account, leg: int) -> None:
    answer = trader.ok("POST", OCO, **sale())
    trader.ok("DELETE", ORDER, symbol="BTCUSDT", orderId=answer["orders"][leg]["orderId"])
    statuses = [trader.ok("GET", ORDER, symbol="BTCUSDT", orderId=one["orderId"])["status"] for one in answer["orders"]]
    assert statuses == ["CANCELED", "CANCELED"]
    assert trader.spot("BTC") == ("1.00000000", "0.00000000")
    assert trader.ok("GET", "/api/v3/openOrderList") == []


def test_the_stop_sells_at_the_market_and_the_other_leg_expires(mover: Account) -> None:
    answer = mover.ok("POST", OCO, **sale(stop="50260"))
    assert mover.simulator.advance("2024-03-04T00:07:00Z")["filled_orders"] == 1  # 00:05 falls to 50250
    stop, profit = (mover.ok("GET", ORDER, symbol="BTCUSDT", orderId=one["orderId"]) for one in answer["orders"])
    assert (stop["status"], stop["type"], stop["isWorking"]) == ("FILLED", "STOP_LOSS", True)
    assert profit["status"] == "EXPIRED"
    (trade,) = mover.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT", orderId=stop["orderId"])
    # 50260 x 0.9998 = 50249.948, down to 50249.94; 0.1 % of 502.4994 is 0.5024994
    assert (trade["price"], trade["commission"], trade["isMaker"]) == ("50249.94000000", "0.50249940", False)
    assert trade["orderListId"] == answer["orderListId"]
    assert mover.spot("BTC") == ("0.99000000", "0.00000000")
    assert mover.refused("DELETE", LIST, symbol="BTCUSDT", orderListId=answer["orderListId"])[0] == -2011


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (sale(stop="50300"), -2010),  # the last price itself triggers
        (sale(stop="50400"), -2010),
        (sale(profit="50300"), -2010),
        (purchase(stop="50300"), -2010),
        (purchase(profit="50300"), -2010),
        (sale() | {"aboveType": "STOP_LOSS", "aboveStopPrice": "51000", "abovePrice": None}, -1197),
        (sale() | {"belowType": "LIMIT_MAKER", "belowPrice": "50000", "belowStopPrice": None}, -1168),
        (sale() | {"aboveType": "STOP_LOSS", "belowType": "LIMIT_MAKER"}, -1166),
        (purchase() | {"aboveType": "LIMIT_MAKER", "belowType": "STOP_LOSS"}, -1165),
        (sale() | {"belowType": "STOP_LOSS_LIMIT"}, -1158),
        (sale() | {"belowType": "MARKET"}, -1116),
        (sale() | {"belowStopPrice": None}, -1102),
        (sale() | {"belowPrice": "50000"}, -1106),
        (sale() | {"aboveStopPrice": "50000"}, -1106),
        (sale() | {"quantity": "0.000001"}, -1013),
        (sale(stop="50000.001"), -1013),
        (sale() | {"quantity": "1.5"}, -2010),
        (sale() | {"aboveClientOrderId": "same", "belowClientOrderId": "same"}, -2010),
        (sale() | {"unheardOf": "1"}, -1104),
    ],
)
def test_an_impossible_list_is_refused_and_nothing_changes(trader: Account, wrong: dict[str, Any], code: int) -> None:
    sent = {name: value for name, value in wrong.items() if value is not None}
    assert trader.refused("POST", OCO, **sent)[0] == code
    assert trader.spot("BTC") == ("1.00000000", "0.00000000")
    assert trader.ok("GET", "/api/v3/openOrders") == []


def test_the_relation_of_the_prices_is_refused_in_binances_words(trader: Account) -> None:
    words = "The relationship of the prices for the orders is not correct."
    assert trader.refused("POST", OCO, **sale(stop="50301")) == (-2010, words)


def test_an_open_list_holds_its_ids(trader: Account) -> None:
    ids = {"listClientOrderId": "l", "aboveClientOrderId": "a", "belowClientOrderId": "b"}
    trader.ok("POST", OCO, **sale(**ids))
    for name, value in ids.items():
        assert trader.refused("POST", OCO, **sale(**{name: value})) == (-2010, "Duplicate order sent.")


def test_a_stop_alone_waits_locks_and_is_refused_beyond_the_market(trader: Account) -> None:
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01"}
    answer = trader.ok("POST", ORDER, **stop, stopPrice="50000")
    assert (answer["status"], answer["stopPrice"], answer["workingTime"]) == ("NEW", "50000.00000000", -1)
    assert trader.spot("BTC") == ("0.99000000", "0.01000000")
    refusal = trader.refused("POST", ORDER, **stop, stopPrice="50300")
    assert refusal == (-2010, "Stop price would trigger immediately.")
    for _ in range(4):
        trader.ok("POST", ORDER, **stop, stopPrice="50000")
    assert trader.refused("POST", ORDER, **stop, stopPrice="50000") == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
