"""Futures orders: margins, positions, profit and refusals, with numbers worked out by hand.

The market stands at 50300; on futures the price grid is 0.1, so a taker buys at 50310.1 and sells at 50289.9.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.exchange_simulator.conftest import MONDAY_MS

if TYPE_CHECKING:
    from tests.integration.exchange_simulator.conftest import Account

ORDER = "/fapi/v1/order"


def order(side: str = "BUY", type_: str = "MARKET", **others: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "side": side, "type": type_, "newOrderRespType": "RESULT", **others}


def limit(side: str, price: str, quantity: str = "0.01", tif: str = "GTC", **others: Any) -> dict[str, Any]:
    return order(side, "LIMIT", price=price, quantity=quantity, timeInForce=tif, **others)


def isolated(account: Account, leverage: int) -> Account:
    account.ok("POST", "/fapi/v1/marginType", symbol="BTCUSDT", marginType="ISOLATED")
    account.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=leverage)
    return account


def wallet(account: Account) -> dict[str, str]:
    (row,) = account.ok("GET", "/fapi/v3/balance")
    return {name: row[name] for name in ("balance", "crossWalletBalance", "availableBalance")}


def position(account: Account) -> dict[str, Any]:
    (row,) = account.ok("GET", "/fapi/v2/positionRisk", symbol="BTCUSDT")
    return dict(row)


@pytest.fixture
def trader(frozen: Any) -> Account:
    return frozen.account(futures={"USDT": "10000"})  # type: ignore[no-any-return]  # the fixture is a Simulator


@pytest.fixture
def mover(moving: Any) -> Account:
    return moving.account(futures={"USDT": "10000"})  # type: ignore[no-any-return]  # the fixture is a Simulator


def test_an_isolated_long_takes_its_margin_and_pays_its_fee_in_quote(trader: Account) -> None:
    isolated(trader, 10)
    answer = trader.ok("POST", ORDER, **order(quantity="0.1", newClientOrderId="mine:1"))
    assert (answer["status"], answer["avgPrice"], answer["executedQty"]) == ("FILLED", "50310.1", "0.1")
    (trade,) = trader.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    assert (trade["commission"], trade["commissionAsset"]) == ("2.51550500", "USDT")  # 5 bps of 5031.01
    assert (trade["realizedPnl"], trade["maker"]) == ("0.00000000", False)
    assert wallet(trader) == {
        "balance": "9997.48449500",
        "crossWalletBalance": "9494.38349500",
        "availableBalance": "9494.38349500",
    }
    shown = position(trader)
    assert (shown["positionAmt"], shown["entryPrice"], shown["leverage"]) == ("0.1", "50310.1", "10")
    assert (shown["marginType"], shown["isolatedWallet"]) == ("isolated", "503.10100000")
    assert (shown["unRealizedProfit"], shown["isolatedMargin"]) == ("-1.01000000", "502.09100000")
    # (5031.01 - 503.101 - 0) / (0.1 x 0.996)
    assert shown["liquidationPrice"] == "45460.93373494"


def test_an_isolated_short_mirrors_it(trader: Account) -> None:
    isolated(trader, 10)
    trader.ok("POST", ORDER, **order("SELL", quantity="0.1"))
    shown = position(trader)
    assert (shown["positionAmt"], shown["entryPrice"]) == ("-0.1", "50289.9")
    assert (shown["notional"], shown["unRealizedProfit"]) == ("-5030.00000000", "-1.01000000")
    # (5028.99 + 502.899 + 0) / (0.1 x 1.004)
    assert shown["liquidationPrice"] == "55098.49601594"


def test_a_close_realises_the_difference_and_frees_the_margin(mover: Account) -> None:
    isolated(mover, 10)
    mover.ok("POST", ORDER, **order(quantity="0.1"))
    mover.simulator.advance("2024-03-04T00:07:00Z")  # 50270: sells at 50259.9
    mover.ok("POST", ORDER, **order("SELL", quantity="0.1", reduceOnly="true"))
    trade = mover.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")[-1]
    assert (trade["price"], trade["realizedPnl"], trade["commission"]) == ("50259.9", "-5.02000000", "2.51299500")
    # 10000 - 2.515505 - 5.02 - 2.512995
    assert wallet(mover) == dict.fromkeys(("balance", "crossWalletBalance", "availableBalance"), "9989.95150000")
    assert mover.ok("GET", "/fapi/v3/positionRisk") == []
    assert position(mover)["positionAmt"] == "0"


def test_partial_closes_of_a_mean_that_does_not_divide_add_up_to_the_last_decimal(mover: Account) -> None:
    isolated(mover, 7)
    mover.ok("POST", ORDER, **order(quantity="0.005"))  # 251.5505
    mover.simulator.advance("2024-03-04T00:07:00Z")
    mover.ok("POST", ORDER, **order(quantity="0.002"))  # 0.002 x 50280.1 = 100.5602; 352.1107 / 7 has no end
    for _ in range(7):
        mover.ok("POST", ORDER, **order("SELL", quantity="0.001", reduceOnly="true"))  # 50.2599 each
    trades = mover.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    realized = [Decimal(trade["realizedPnl"]) for trade in trades]
    assert realized[2] == Decimal("-0.04162857")  # 50.2599 - 50.30152857
    assert sum(realized) == 7 * Decimal("50.2599") - Decimal("352.1107")
    fees = sum(Decimal(trade["commission"]) for trade in trades)
    assert Decimal(wallet(mover)["balance"]) == 10_000 + sum(realized) - fees
    assert wallet(mover)["availableBalance"] == wallet(mover)["balance"]


def test_a_larger_opposite_order_turns_the_position_round(trader: Account) -> None:
    isolated(trader, 5)
    trader.ok("POST", ORDER, **order(quantity="0.1"))
    trader.ok("POST", ORDER, **order("SELL", quantity="0.3"))
    trade = trader.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")[-1]
    assert (trade["qty"], trade["realizedPnl"]) == ("0.3", "-2.02000000")  # 5028.99 - 5031.01
    shown = position(trader)
    assert (shown["positionAmt"], shown["entryPrice"]) == ("-0.2", "50289.9")
    assert shown["isolatedWallet"] == "2011.59600000"  # 0.2 x 50289.9 / 5


def test_a_crossed_position_holds_its_initial_margin_at_the_mark(trader: Account) -> None:
    trader.ok("POST", ORDER, **order(quantity="0.1"))  # leverage 20 and crossed, as a new account has it
    # 10000 - 2.515505 - 5030 / 20 - 1.01
    assert wallet(trader)["availableBalance"] == "9744.97449500"
    assert wallet(trader)["crossWalletBalance"] == "9997.48449500"
    shown = position(trader)
    assert (shown["marginType"], shown["isolatedWallet"], shown["isolatedMargin"]) == (
        "cross",
        "0.00000000",
        "0.00000000",
    )


def test_an_answer_of_kind_ack_says_new_although_it_filled(trader: Account) -> None:
    answer = trader.ok("POST", ORDER, **(order(quantity="0.01") | {"newOrderRespType": "ACK"}))
    assert (answer["status"], answer["executedQty"]) == ("NEW", "0")
    assert trader.ok("GET", ORDER, symbol="BTCUSDT", orderId=answer["orderId"])["status"] == "FILLED"


def test_a_resting_order_takes_margin_until_it_fills_as_maker(mover: Account) -> None:
    isolated(mover, 10)
    bid = mover.ok("POST", ORDER, **limit("BUY", "50100", "0.1"))
    assert bid["status"] == "NEW"
    assert wallet(mover)["availableBalance"] == "9499.00000000"
    (risk,) = mover.ok("GET", "/fapi/v3/positionRisk")
    assert risk["openOrderInitialMargin"] == "501.00000000"
    mover.simulator.advance("2024-03-04T00:08:00Z")
    (trade,) = mover.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT")
    assert (trade["price"], trade["maker"], trade["commission"]) == ("50100", True, "1.00200000")  # 2 bps of 5010
    assert trade["time"] == MONDAY_MS + 8 * 60_000 - 1
    assert wallet(mover)["availableBalance"] == "9497.99800000"


def test_a_cancel_frees_the_margin_of_a_resting_order(trader: Account) -> None:
    trader.ok("POST", ORDER, **limit("BUY", "50000", "0.1", newClientOrderId="one"))
    trader.ok("POST", ORDER, **limit("SELL", "51000", "0.1", newClientOrderId="two"))
    assert wallet(trader)["availableBalance"] == "9745.00000000"  # the dearer side of the two: 5100 / 20
    assert trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="two")["status"] == "CANCELED"
    assert wallet(trader)["availableBalance"] == "9750.00000000"
    assert trader.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert wallet(trader)["availableBalance"] == "10000.00000000"
    assert trader.refused("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="two") == (
        -2011,
        "Unknown order sent.",
    )


def test_reduce_only_never_opens(trader: Account) -> None:
    refusal = (-2022, "ReduceOnly Order is rejected.")
    assert trader.refused("POST", ORDER, **order("SELL", quantity="0.01", reduceOnly="true")) == refusal
    trader.ok("POST", ORDER, **order(quantity="0.01"))
    assert trader.refused("POST", ORDER, **order(quantity="0.01", reduceOnly="true")) == refusal
    assert trader.refused("POST", ORDER, **limit("SELL", "51000", "0.02", reduceOnly="true")) == refusal
    answer = trader.ok("POST", ORDER, **order("SELL", quantity="0.05", reduceOnly="true"))
    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.01")
    assert position(trader)["positionAmt"] == "0"


def test_a_resting_reduce_only_order_expires_where_its_position_has_gone(mover: Account) -> None:
    mover.ok("POST", ORDER, **order(quantity="0.01"))
    rest = mover.ok("POST", ORDER, **limit("SELL", "51500", "0.01", reduceOnly="true"))
    mover.ok("POST", ORDER, **order("SELL", quantity="0.01"))
    mover.simulator.advance("2024-03-04T00:10:00Z")
    shown = mover.ok("GET", ORDER, symbol="BTCUSDT", orderId=rest["orderId"])
    assert (shown["status"], shown["executedQty"]) == ("EXPIRED", "0")
    assert position(mover)["positionAmt"] == "0"


def test_reduce_only_may_be_smaller_than_the_least_notional(trader: Account) -> None:
    least = "Order's notional must be no smaller than 100 (unless you choose reduce only)."
    assert trader.refused("POST", ORDER, **order(quantity="0.001")) == (-4164, least)
    trader.ok("POST", ORDER, **order(quantity="0.002"))
    trader.ok("POST", ORDER, **order("SELL", quantity="0.001", reduceOnly="true"))


def test_an_order_beyond_the_margin_is_refused(frozen: Any) -> None:
    account = frozen.account(futures={"USDT": "100"})
    assert account.refused("POST", ORDER, **order(quantity="0.05")) == (-2019, "Margin is insufficient.")
    assert account.refused("POST", ORDER, **limit("BUY", "50000", "0.05")) == (-2019, "Margin is insufficient.")
    account.ok("POST", ORDER, **order(quantity="0.035"))


def test_an_order_beyond_the_bracket_of_its_leverage_is_refused(frozen: Any) -> None:
    account = frozen.account(futures={"USDT": "1000000"})
    account.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)
    assert account.refused("POST", ORDER, **order(quantity="1"))[0] == -2027
    account.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=100)
    account.ok("POST", ORDER, **order(quantity="1"))
    assert account.refused("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=125)[0] == -2027


def test_leverage_and_margin_type_are_kept_and_guarded(trader: Account) -> None:
    answer = trader.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    assert answer == {"leverage": 7, "maxNotionalValue": "230000000", "symbol": "BTCUSDT"}
    assert trader.refused("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=126)[0] == -4028
    margin_type = {"symbol": "BTCUSDT", "marginType": "ISOLATED"}
    assert trader.ok("POST", "/fapi/v1/marginType", **margin_type) == {"code": 200, "msg": "success"}
    assert trader.refused("POST", "/fapi/v1/marginType", **margin_type) == (-4046, "No need to change margin type.")
    trader.ok("POST", ORDER, **limit("BUY", "50000"))
    crossed = {"symbol": "BTCUSDT", "marginType": "CROSSED"}
    assert trader.refused("POST", "/fapi/v1/marginType", **crossed)[0] == -4047
    trader.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    trader.ok("POST", ORDER, **order(quantity="0.01"))
    assert trader.refused("POST", "/fapi/v1/marginType", **crossed)[0] == -4048
    assert trader.refused("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=6)[0] == -4161
    (config,) = trader.ok("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT")
    assert (config["marginType"], config["leverage"]) == ("ISOLATED", 7)


def test_positions_are_one_way(trader: Account) -> None:
    assert trader.ok("GET", "/fapi/v1/positionSide/dual") == {"dualSidePosition": False}
    assert trader.refused("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")[0] == -4059
    wrong = order(quantity="0.01", positionSide="LONG")
    assert trader.refused("POST", ORDER, **wrong)[0] == -4061
    trader.ok("POST", ORDER, **order(quantity="0.01", positionSide="BOTH"))


def test_the_risk_table_is_continuous(trader: Account) -> None:
    (row,) = trader.ok("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT")
    first, second, third = row["brackets"][:3]
    assert (first["initialLeverage"], first["maintMarginRatio"], first["cum"]) == (125, 0.004, 0.0)
    assert (second["notionalFloor"], second["maintMarginRatio"], second["cum"]) == (50_000, 0.005, 50.0)
    assert (third["notionalFloor"], third["maintMarginRatio"], third["cum"]) == (600_000, 0.0065, 950.0)


def test_account_totals_agree_with_the_balance(trader: Account) -> None:
    isolated(trader, 10)
    trader.ok("POST", ORDER, **order(quantity="0.1"))
    for version in (2, 3):
        shown = trader.ok("GET", f"/fapi/v{version}/account")
        assert shown["totalWalletBalance"] == "9997.48449500"
        assert shown["totalMarginBalance"] == "9996.47449500"
        assert shown["availableBalance"] == "9494.38349500"
        assert [one["positionAmt"] for one in shown["positions"]] == ["0.1"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (order(quantity="0.0001"), -1111),
        (order(quantity="0"), -4003),
        (order(quantity="121"), -4005),
        (limit("BUY", "50000.05"), -4014),
        (limit("BUY", "500"), -4013),
        (limit("BUY", "47784.9"), -4024),  # 5 % below the mark is 47785
        (limit("SELL", "52815.1"), -4016),  # 5 % above the mark is 52815
        (limit("BUY", "50400", tif="GTX"), -5022),
        (limit("BUY", "50000", tif="FOK"), -5021),
        (limit("BUY", "50000", tif="DAY"), -1115),
        (order(type_="STOP_MARKET", quantity="0.01", stopPrice="49000"), -4120),
        (order(type_="MAGIC", quantity="0.01"), -1116),
        (order("HOLD", quantity="0.01"), -1117),
        (order(), -1102),
        (order(quantity="0.01", newClientOrderId="x" * 37), -4015),
        (order(quantity="0.01", newClientOrderId="no spaces"), -1100),
        (order(quantity="0.01") | {"symbol": "NOPEUSDT"}, -1121),
    ],
)
def test_malformed_orders_get_binances_codes(trader: Account, wrong: dict[str, Any], code: int) -> None:
    assert trader.refused("POST", ORDER, **wrong)[0] == code


def test_a_client_id_is_unique_among_open_orders_only(trader: Account) -> None:
    trader.ok("POST", ORDER, **limit("BUY", "50000", newClientOrderId="a.b:c/d"))
    again = order(quantity="0.01", newClientOrderId="a.b:c/d")
    assert trader.refused("POST", ORDER, **again) == (-4116, "ClientOrderId is duplicated.")
    trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="a.b:c/d")
    trader.ok("POST", ORDER, **again)
    trader.ok("POST", ORDER, **again)
    assert position(trader)["positionAmt"] == "0.02"


def test_unknown_orders_are_not_found(trader: Account) -> None:
    unknown = {"symbol": "BTCUSDT", "origClientOrderId": "never"}
    assert trader.refused("GET", ORDER, **unknown) == (-2013, "Order does not exist.")
    assert trader.refused("GET", ORDER, symbol="BTCUSDT")[0] == -1102
