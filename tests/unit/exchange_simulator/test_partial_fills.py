"""Orders that the book takes in parts: off unless set, each part with its commission, the rest of a taker's expired."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from infra.local.exchange.errors import ControlError
from infra.local.exchange.routes.control import answer_control
from tests.unit.exchange_simulator.lab import Lab, Row
from tests.unit.exchange_simulator.test_what_a_minute_sets_off import CALM, algo, enter, leg, oco, profit, stop

RISE: Row = (50_000, 50_800, 49_900, 50_100)


def liquidity(lab: Lab, **body: Any) -> None:
    answer_control(lab.exchange, "PUT", "/sim/liquidity", json.dumps(body).encode())


def buy(lab: Lab, path: str = "/api/v3/order", **others: Any) -> dict[str, Any]:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1", "newOrderRespType": "RESULT"}
    return dict(lab.ok("POST", path, **(order | others)))


def test_a_market_order_fills_as_far_as_the_book_goes_and_the_rest_expires() -> None:
    lab = Lab(CALM)
    liquidity(lab, taking="0.4", parts=3)
    answer = buy(lab, newOrderRespType="FULL")
    assert (answer["status"], answer["executedQty"], answer["origQty"]) == ("EXPIRED", "0.04000000", "0.10000000")
    assert [fill["qty"] for fill in answer["fills"]] == ["0.01333000", "0.01333000", "0.01334000"]
    # Each part pays its own commission, rounded up.
    assert [fill["commission"] for fill in answer["fills"]] == ["0.00001333", "0.00001333", "0.00001334"]
    assert lab.account.spot["BTC"].free == Decimal("1.03996")
    assert lab.ok("GET", "/api/v3/openOrders") == []


def test_a_futures_market_order_does_the_same() -> None:
    lab = Lab(CALM)
    liquidity(lab, taking="0.4")
    answer = buy(lab, "/fapi/v1/order")
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.04")
    assert lab.account.positions["BTCUSDT"].quantity == Decimal("0.04")


def test_a_fill_or_kill_order_fills_whole_or_not_at_all() -> None:
    lab = Lab(CALM)
    liquidity(lab, taking="0.4")
    for path in ("/api/v3/order", "/fapi/v1/order"):
        answer = buy(lab, path, type="LIMIT", timeInForce="FOK", price="50100")
        assert (answer["status"], Decimal(answer["executedQty"])) == ("EXPIRED", Decimal(0))
        answer = buy(lab, path, type="LIMIT", timeInForce="IOC", price="50100")
        assert (answer["status"], Decimal(answer["executedQty"])) == ("EXPIRED", Decimal("0.04"))


def test_what_a_limit_order_does_not_take_at_once_rests() -> None:
    lab = Lab(CALM, CALM)
    liquidity(lab, taking="0.4")
    answer = buy(lab, type="LIMIT", timeInForce="GTC", price="50100")
    assert (answer["status"], answer["executedQty"]) == ("PARTIALLY_FILLED", "0.04000000")
    assert lab.account.spot["USDT"].locked == Decimal("0.06") * 50_100
    lab.minutes(1)
    assert leg(lab, answer["clientOrderId"])["status"] == "FILLED"
    assert lab.account.spot["USDT"].locked == 0


def test_the_first_part_of_a_take_profit_ends_the_stop_and_the_rest_goes_on_touch_by_touch() -> None:
    lab = Lab(CALM, RISE, CALM, RISE, CALM)
    oco(lab, stop="49500", profit="50800")
    liquidity(lab, resting="0.6")
    lab.minutes(2)
    assert (leg(lab, "profit")["status"], leg(lab, "profit")["executedQty"]) == ("PARTIALLY_FILLED", "0.06000000")
    assert leg(lab, "stop")["status"] == "EXPIRED"
    assert lab.account.spot["BTC"].locked == Decimal("0.04")
    assert lab.ok("GET", "/api/v3/orderList", origClientOrderId="list")["listOrderStatus"] == "EXECUTING"
    lab.minutes(2)
    assert leg(lab, "profit")["status"] == "FILLED"
    assert lab.account.spot["BTC"].locked == 0


def test_cancelling_what_is_left_of_a_list_frees_the_rest() -> None:
    lab = Lab(CALM, RISE, CALM)
    oco(lab, stop="49500", profit="50800")
    liquidity(lab, resting="0.6")
    lab.minutes(2)
    cancelled = lab.ok("DELETE", "/api/v3/orderList", symbol="BTCUSDT", listClientOrderId="list")
    assert [row["status"] for row in cancelled["orderReports"]] == ["EXPIRED", "CANCELED"]
    assert lab.account.spot["BTC"].free == Decimal("0.94")
    assert lab.account.spot["BTC"].locked == 0


def test_a_stop_that_the_book_cannot_take_whole_leaves_the_rest_unprotected() -> None:
    lab = Lab(CALM, (50_000, 50_000, 49_400, 49_600), CALM)
    oco(lab, stop="49500", profit="50800")
    liquidity(lab, taking="0.6")
    lab.minutes(2)
    assert (leg(lab, "stop")["status"], leg(lab, "stop")["executedQty"]) == ("EXPIRED", "0.06000000")
    assert leg(lab, "profit")["status"] == "EXPIRED"
    assert lab.account.spot["BTC"].free == Decimal("0.94")


def test_a_futures_stop_in_parts_leaves_a_smaller_position_and_take_profit() -> None:
    lab = Lab(CALM, (50_000, 50_000, 49_400, 49_600), CALM)
    enter(lab)
    stop(lab, "49500")
    profit(lab, "50800")
    liquidity(lab, taking="0.6", parts=2)
    lab.minutes(2)
    assert (algo(lab)["algoStatus"], algo(lab)["actualQty"]) == ("FINISHED", "0.06")
    assert lab.account.positions["BTCUSDT"].quantity == Decimal("0.04")
    (resting,) = lab.ok("GET", "/fapi/v1/openOrders")
    assert (resting["clientOrderId"], resting["origQty"], resting["status"]) == ("tp", "0.04", "NEW")
    assert len(lab.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")) == 3


def test_drawn_shares_differ_from_order_to_order_and_not_from_run_to_run() -> None:
    drawn = []
    for _ in range(2):
        lab = Lab(CALM)
        liquidity(lab, taking="1", resting="0.5", seed=3)
        assert buy(lab)["status"] == "FILLED"
        liquidity(lab, taking="0.9", seed=3)
        drawn.append([buy(lab, quantity="0.01")["executedQty"] for _ in range(5)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 5
    assert all(0 <= Decimal(one) <= Decimal("0.009") for one in drawn[0])


@pytest.mark.parametrize("body", [{"taking": "0"}, {"resting": "1.1"}, {"taking": "x"}, {"parts": 0}, {"seed": "x"}])
def test_a_share_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        liquidity(Lab(CALM), **body)
