"""The order in which a minute sets off what waits, on both markets; the expected numbers are worked out by hand.

Slippage is 2 hundredths of a percent; the price grid is 0.01 on spot and 0.1 on futures.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.exchange_simulator.lab import MONDAY_MS, Lab, Row

CALM: Row = (50_000, 50_010, 49_990, 50_000)


def oco(lab: Lab, stop: str, profit: str, quantity: str = "0.1", **others: Any) -> dict[str, Any]:
    parameters = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "quantity": quantity,
        "aboveType": "LIMIT_MAKER",
        "abovePrice": profit,
        "belowType": "STOP_LOSS",
        "belowStopPrice": stop,
        "listClientOrderId": "list",
        "aboveClientOrderId": "profit",
        "belowClientOrderId": "stop",
    }
    return dict(lab.ok("POST", "/api/v3/orderList/oco", **(parameters | others)))


def leg(lab: Lab, name: str) -> dict[str, Any]:
    return dict(lab.ok("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=name))


def sold(lab: Lab) -> list[tuple[str, bool, int]]:
    """Return price, maker and second of every spot trade."""
    trades = lab.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    return [(one["price"].rstrip("0").rstrip("."), one["isMaker"], (one["time"] - MONDAY_MS) // 1000) for one in trades]


def enter(lab: Lab, side: str = "BUY", quantity: str = "0.1", leverage: int = 10) -> None:
    lab.ok("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    lab.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=leverage)
    lab.ok("POST", "/fapi/v1/order", symbol="BTCUSDT", side=side, type="MARKET", quantity=quantity)


def stop(lab: Lab, price: str, side: str = "SELL", name: str = "stop", **others: Any) -> dict[str, Any]:
    parameters = {
        "algoType": "CONDITIONAL",
        "symbol": "BTCUSDT",
        "side": side,
        "type": "STOP_MARKET",
        "quantity": "0.1",
        "triggerPrice": price,
        "reduceOnly": "true",
        "workingType": "CONTRACT_PRICE",
        "clientAlgoId": name,
    }
    return dict(lab.ok("POST", "/fapi/v1/algoOrder", **(parameters | others)))


def profit(lab: Lab, price: str, side: str = "SELL", quantity: str = "0.1") -> dict[str, Any]:
    parameters = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "reduceOnly": "true"}
    return dict(lab.ok("POST", "/fapi/v1/order", **parameters, price=price, quantity=quantity, newClientOrderId="tp"))


def left(lab: Lab) -> list[tuple[str, str, bool, int]]:
    """Return side, price, maker and second of every futures trade after the entry."""
    trades = lab.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")[1:]
    return [(one["side"], one["price"], one["maker"], (one["time"] - MONDAY_MS) // 1000) for one in trades]


def algo(lab: Lab, name: str = "stop") -> dict[str, Any]:
    return dict(lab.ok("GET", "/fapi/v1/algoOrder", clientAlgoId=name))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # Touched to the point: at its own price, less 0.02 %, a taker; within that minute.
        ([CALM, (50_000, 50_000, 49_500, 49_600), CALM], ("49490.1", False, 119)),
        # One unit above it: nothing.
        ([CALM, (50_000, 50_000, 49_501, 49_600), CALM], None),
        # The next open lies beyond it: at that open (49000 - 9.8), before anything else of that minute.
        ([CALM, (49_000, 52_000, 48_000, 51_500), CALM], ("48990.2", False, 60)),
        # Both in one minute: the stop.
        ([CALM, (50_000, 51_000, 49_000, 50_000), CALM], ("49490.1", False, 119)),
        # The take profit alone: its own price, the maker.
        ([CALM, (50_000, 50_800, 49_900, 50_100), CALM], ("50800", True, 119)),
        # An open beyond the take profit: its own price, never better.
        ([CALM, (51_500, 51_600, 51_400, 51_500), CALM], ("50800", True, 60)),
        # The market falls in the minute it stands in: that minute's range counts.
        ([(50_000, 50_010, 49_400, 49_990), CALM, CALM], ("49490.1", False, 59)),
        # A gap in the data, then an open beyond the stop.
        ([CALM, None, (49_100, 49_200, 49_000, 49_100)], ("49090.18", False, 120)),
    ],
)
def test_a_spot_position_leaves_at_its_stop_or_its_take_profit(
    rows: list[Row | None], expected: tuple[str, bool, int] | None
) -> None:
    lab = Lab(*rows)
    oco(lab, stop="49500", profit="50800")
    lab.minutes(2)
    assert sold(lab) == ([expected] if expected else [])
    if expected:
        executed, other = ("profit", "stop") if expected[1] else ("stop", "profit")
        assert leg(lab, executed)["status"] == "FILLED"
        assert leg(lab, other)["status"] == "EXPIRED"
        assert lab.account.spot["BTC"].locked == 0
        assert lab.ok("GET", "/api/v3/orderList", origClientOrderId="list")["listOrderStatus"] == "ALL_DONE"


@pytest.mark.parametrize(
    ("side", "rows", "expected"),
    [
        ("BUY", [CALM, (50_000, 50_000, 49_500, 49_600), CALM], ("SELL", "49490.1", False, 119)),
        ("BUY", [CALM, (49_000, 52_000, 48_000, 51_500), CALM], ("SELL", "48990.2", False, 60)),
        ("BUY", [CALM, (50_000, 51_000, 49_000, 50_000), CALM], ("SELL", "49490.1", False, 119)),
        ("BUY", [CALM, (50_000, 50_800, 49_900, 50_100), CALM], ("SELL", "50800", True, 119)),
        ("SELL", [CALM, (50_000, 50_500, 50_000, 50_400), CALM], ("BUY", "50510.1", False, 119)),
        ("SELL", [CALM, (51_000, 52_000, 48_000, 51_500), CALM], ("BUY", "51010.2", False, 60)),
        ("SELL", [CALM, (50_000, 51_000, 49_000, 50_000), CALM], ("BUY", "50510.1", False, 119)),
        ("SELL", [CALM, (50_000, 50_100, 49_200, 50_000), CALM], ("BUY", "49200", True, 119)),
    ],
)
def test_a_futures_position_leaves_at_its_stop_or_its_take_profit(
    side: str, rows: list[Row], expected: tuple[str, str, bool, int]
) -> None:
    lab = Lab(*rows)
    enter(lab, side)
    other = "SELL" if side == "BUY" else "BUY"
    stop(lab, "49500" if side == "BUY" else "50500", other)
    profit(lab, "50800" if side == "BUY" else "49200", other)
    lab.minutes(2)
    assert left(lab) == [expected]
    assert lab.account.positions["BTCUSDT"].quantity == 0
    if expected[2]:
        assert algo(lab)["algoStatus"] == "NEW"  # it lives outside the book: whoever placed it has to cancel it
    else:
        shown = algo(lab)
        assert (shown["algoStatus"], shown["actualQty"]) == ("FINISHED", "0.1")
        became = lab.ok("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=shown["actualOrderId"])
        assert (became["type"], became["status"], became["reduceOnly"]) == ("MARKET", "FILLED", True)
        take_profit = lab.ok("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="tp")
        assert take_profit["status"] == "EXPIRED"


def test_of_stop_and_liquidation_the_nearer_comes_first_and_the_stop_where_they_are_equal() -> None:
    # Entry 50010 x 0.1 at leverage 10: L = (5001 - 500.1) / (0.1 x 0.996) = 45189.759..., on the tick 45189.8.
    crash: Row = (50_000, 50_000, 40_000, 41_000)
    for price, is_liquidated in (("45189.7", True), ("45189.8", False), ("45189.9", False)):
        lab = Lab(CALM, crash, (41_000, 41_000, 41_000, 41_000))
        enter(lab)
        stop(lab, price)
        lab.minutes(2)
        (trade,) = left(lab)
        assert (trade[1] == "45189.8") is is_liquidated, price
        assert lab.ok("GET", "/fapi/v1/openAlgoOrders") == []


def test_a_liquidation_costs_the_whole_margin_and_the_entry_fee() -> None:
    lab = Lab(CALM, (50_000, 50_000, 40_000, 41_000), CALM)
    enter(lab)
    profit(lab, "50800")
    lab.minutes(2)
    # 10000 - 2.5005 (5 bps of 5001) - 500.1
    assert lab.account.futures["USDT"] == Decimal("9497.3995")
    order = lab.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")[-1]
    assert order["clientOrderId"].startswith("autoclose-")
    assert lab.ok("GET", "/fapi/v1/openOrders") == []


def test_an_open_beyond_liquidation_and_stop_liquidates() -> None:
    lab = Lab(CALM, (44_000, 44_000, 44_000, 44_000), CALM)
    enter(lab)
    stop(lab, "49500")
    lab.minutes(1)
    assert left(lab) == [("SELL", "45189.8", False, 60)]


def test_of_two_stops_the_nearer_closes_and_the_other_finds_nothing_to_reduce() -> None:
    lab = Lab(CALM, (50_000, 50_000, 49_000, 49_100), CALM)
    enter(lab)
    stop(lab, "49500", name="old")
    stop(lab, "49800", name="new")
    lab.minutes(2)
    assert left(lab) == [("SELL", "49790", False, 119)]
    assert (algo(lab, "new")["algoStatus"], algo(lab, "old")["algoStatus"]) == ("FINISHED", "REJECTED")


def test_funding_comes_before_what_the_open_sets_off() -> None:
    # The third minute opens at 08:00: 0.01 % of 0.1 x 49000 is paid although the position is stopped at that open.
    lab = Lab(CALM, CALM, (49_000, 49_000, 49_000, 49_000), first_ms=MONDAY_MS + 478 * 60_000)
    enter(lab)
    stop(lab, "49500")
    lab.minutes(2)
    assert left(lab) == [("SELL", "48990.2", False, 8 * 3600)]
    (paid,) = lab.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")
    assert (paid["income"], paid["asset"], paid["time"]) == ("-0.49000000", "USDT", MONDAY_MS + 8 * 3_600_000)
    spent = Decimal("2.5005") + Decimal("2.44951") + (Decimal(50010) - Decimal("48990.2")) / 10 + Decimal("0.49")
    assert lab.account.futures["USDT"] == 10_000 - spent


def test_funding_moves_the_liquidation_price() -> None:
    lab = Lab(CALM, CALM, CALM, first_ms=MONDAY_MS + 479 * 60_000)
    enter(lab)
    before = Decimal(lab.ok("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")[0]["liquidationPrice"])
    lab.minutes(1)  # 0.5 is paid, which is 5.02... a coin
    after = Decimal(lab.ok("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")[0]["liquidationPrice"])
    assert abs(after - before - Decimal("5.02008032")) <= Decimal("0.00000001")  # both are shown with eight decimals


def test_one_step_of_many_minutes_is_many_steps_of_one() -> None:
    rows: list[Row] = [CALM, (50_000, 50_400, 49_900, 50_300), (50_300, 50_900, 49_400, 50_000), CALM, CALM]
    labs = [Lab(*rows), Lab(*rows)]
    for lab in labs:
        oco(lab, stop="49500", profit="50800")
        enter(lab)
        stop(lab, "49500")
        profit(lab, "50800")
    labs[0].minutes(4)
    for _ in range(4):
        labs[1].minutes(1)
    assert labs[0].account.to_json() == labs[1].account.to_json()
    assert sold(labs[0]) == sold(labs[1]) == [("49490.1", False, 179)]
    assert left(labs[0]) == left(labs[1]) == [("SELL", "49490.1", False, 179)]


@pytest.mark.parametrize(("side", "amount"), [("BUY", "-0.61728395"), ("SELL", "0.61728394")])
def test_funding_is_rounded_against_the_account(side: str, amount: str) -> None:
    stamp = MONDAY_MS + 480 * 60_000
    lab = Lab(CALM, CALM, first_ms=stamp - 60_000)
    lab.exchange.funding.set_rates("BTCUSDT", {stamp: Decimal("0.000123456789")})  # of 5000: 0.617283945
    enter(lab, side)
    lab.minutes(1)
    assert [row["income"] for row in lab.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE")] == [amount]


def test_one_who_enters_at_the_stamp_pays_nothing() -> None:
    lab = Lab(CALM, CALM, first_ms=MONDAY_MS + 480 * 60_000)
    enter(lab)
    lab.minutes(1)
    assert lab.ok("GET", "/fapi/v1/income", incomeType="FUNDING_FEE") == []
