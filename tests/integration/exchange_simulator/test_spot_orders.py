"""Spot orders: fills, commissions, balances, client ids and refusals, with numbers worked out by hand.

The market stands at 50300: a taker buys at 50300 x 1.0002 = 50310.06 and sells at 50300 x 0.9998 = 50289.94.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.exchange_simulator.conftest import MONDAY_MS

if TYPE_CHECKING:
    from tests.integration.exchange_simulator.conftest import Account, Simulator

ORDER = "/api/v3/order"
NOW_MS = MONDAY_MS + 5 * 60_000


def order(side: str = "BUY", type_: str = "MARKET", **others: Any) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "side": side, "type": type_, **others}


def limit(side: str, price: str, quantity: str = "0.01", tif: str = "GTC", **others: Any) -> dict[str, Any]:
    return order(side, "LIMIT", price=price, quantity=quantity, timeInForce=tif, **others)


@pytest.fixture
def trader(frozen: Simulator) -> Account:
    return frozen.account(spot={"USDT": "10000", "BTC": "1"})


@pytest.fixture
def mover(moving: Simulator) -> Account:
    return moving.account(spot={"USDT": "10000", "BTC": "1"})


def test_a_market_buy_fills_at_the_open_with_slippage_and_pays_its_fee_in_base(trader: Account) -> None:
    answer = trader.ok("POST", ORDER, **order(quantity="0.012", newClientOrderId="mine-1"))
    assert (answer["status"], answer["clientOrderId"], answer["executedQty"]) == ("FILLED", "mine-1", "0.01200000")
    assert answer["cummulativeQuoteQty"] == "603.72072000"  # 0.012 x 50310.06
    assert answer["transactTime"] == NOW_MS
    (fill,) = answer["fills"]
    assert (fill["price"], fill["commission"], fill["commissionAsset"]) == ("50310.06000000", "0.00001200", "BTC")
    assert trader.spot("USDT") == ("9396.27928000", "0.00000000")
    assert trader.spot("BTC") == ("1.01198800", "0.00000000")


def test_a_market_sell_pays_its_fee_in_quote_rounded_up_to_eight_decimals(trader: Account) -> None:
    answer = trader.ok("POST", ORDER, **order("SELL", quantity="0.01237"))
    # 0.01237 x 50289.94 = 622.0865578; 0.1 % of it is 0.6220865578, which is 0.62208656 rounded up
    (fill,) = answer["fills"]
    assert (fill["price"], fill["commission"], fill["commissionAsset"]) == ("50289.94000000", "0.62208656", "USDT")
    assert trader.spot("USDT") == ("10621.46447124", "0.00000000")
    assert trader.spot("BTC") == ("0.98763000", "0.00000000")


def test_a_fill_off_the_price_grid_is_rounded_against_the_taker(mover: Account) -> None:
    mover.simulator.advance("2024-03-04T00:07:00Z")  # opens at 50270
    bought = mover.ok("POST", ORDER, **order(quantity="0.001"))["fills"][0]["price"]
    sold = mover.ok("POST", ORDER, **order("SELL", quantity="0.001"))["fills"][0]["price"]
    assert (bought, sold) == ("50280.06000000", "50259.94000000")  # from 50280.054 and 50259.946


def test_an_order_by_quote_amount_buys_whole_steps_and_leaves_the_rest(trader: Account) -> None:
    answer = trader.ok("POST", ORDER, **order(quoteOrderQty="100"))
    # 100 / 50310.06 = 0.0019876...: 0.00198 are bought for 99.6139188
    assert (answer["executedQty"], answer["origQuoteOrderQty"]) == ("0.00198000", "100.00000000")
    assert answer["cummulativeQuoteQty"] == "99.61391880"
    assert trader.spot("USDT") == ("9900.38608120", "0.00000000")


@pytest.mark.parametrize(
    ("kind", "last_key"), [("ACK", "transactTime"), ("RESULT", "selfTradePreventionMode"), ("FULL", "fills")]
)
def test_the_answer_is_as_long_as_asked_for(trader: Account, kind: str, last_key: str) -> None:
    answer = trader.ok("POST", ORDER, **order(quantity="0.001", newOrderRespType=kind))
    assert list(answer)[-1] == last_key


def test_a_limit_order_locks_what_it_gives_and_a_cancel_frees_it(trader: Account) -> None:
    bid = trader.ok("POST", ORDER, **limit("BUY", "49000"))
    ask = trader.ok("POST", ORDER, **limit("SELL", "52000", "0.25"))
    assert (bid["status"], ask["status"]) == ("NEW", "NEW")
    assert trader.spot("USDT") == ("9510.00000000", "490.00000000")
    assert trader.spot("BTC") == ("0.75000000", "0.25000000")
    canceled = trader.ok("DELETE", ORDER, symbol="BTCUSDT", orderId=bid["orderId"])
    assert (canceled["status"], canceled["origClientOrderId"]) == ("CANCELED", bid["clientOrderId"])
    assert trader.spot("USDT") == ("10000.00000000", "0.00000000")
    assert [one["orderId"] for one in trader.ok("GET", "/api/v3/openOrders", symbol="BTCUSDT")] == [ask["orderId"]]
    trader.ok("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    assert trader.spot("BTC") == ("1.00000000", "0.00000000")


def test_a_limit_order_beyond_the_book_takes_at_the_book_price(trader: Account) -> None:
    answer = trader.ok("POST", ORDER, **limit("BUY", "50400"))
    assert (answer["status"], answer["fills"][0]["price"]) == ("FILLED", "50310.06000000")
    assert trader.spot("USDT") == ("9496.89940000", "0.00000000")


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
def test_an_order_that_may_not_rest_expires_where_it_cannot_fill(trader: Account, tif: str) -> None:
    answer = trader.ok("POST", ORDER, **limit("BUY", "50310.05", tif=tif))
    assert (answer["status"], answer["executedQty"], answer["fills"]) == ("EXPIRED", "0.00000000", [])
    filled = trader.ok("POST", ORDER, **limit("BUY", "50310.06", tif=tif))
    assert filled["status"] == "FILLED"
    assert trader.ok("GET", "/api/v3/openOrders") == []


def test_a_maker_only_order_that_would_take_is_refused(trader: Account) -> None:
    maker = order("BUY", "LIMIT_MAKER", price="50310.06", quantity="0.01")
    assert trader.refused("POST", ORDER, **maker) == (-2010, "Order would immediately match and take.")
    assert trader.ok("POST", ORDER, **(maker | {"price": "50310.05"}))["status"] == "NEW"


def test_a_resting_order_fills_at_its_own_price_as_maker_when_the_range_touches_it(mover: Account) -> None:
    bid = mover.ok("POST", ORDER, **limit("BUY", "50100", newClientOrderId="bid"))
    low = mover.ok("POST", ORDER, **limit("BUY", "50099.99"))
    assert mover.simulator.advance("2024-03-04T00:07:00Z")["filled_orders"] == 0
    assert mover.simulator.advance("2024-03-04T00:08:00Z")["filled_orders"] == 1  # 00:07 falls to 50100 exactly
    shown = mover.ok("GET", ORDER, symbol="BTCUSDT", origClientOrderId="bid")
    assert (shown["status"], shown["cummulativeQuoteQty"]) == ("FILLED", "501.00000000")
    (trade,) = mover.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert (trade["orderId"], trade["price"], trade["isMaker"]) == (bid["orderId"], "50100.00000000", True)
    assert trade["time"] == MONDAY_MS + 8 * 60_000 - 1  # within the minute that touched it
    assert mover.spot("BTC") == ("1.00999000", "0.00000000")
    assert mover.spot("USDT") == ("8998.00010000", "500.99990000")
    assert mover.ok("GET", ORDER, symbol="BTCUSDT", orderId=low["orderId"])["status"] == "NEW"


def test_a_resting_order_that_the_price_jumps_over_still_fills_at_its_own_price(mover: Account) -> None:
    mover.ok("POST", ORDER, **limit("SELL", "51500"))
    mover.simulator.advance("2024-03-04T00:10:00Z")  # 00:09 rises to 52000
    (trade,) = mover.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert (trade["price"], trade["commission"]) == ("51500.00000000", "0.51500000")


def test_market_time_moves_minute_by_minute_whatever_the_size_of_the_step(mover: Account) -> None:
    mover.ok("POST", ORDER, **limit("BUY", "49000", "0.01"))
    mover.ok("POST", ORDER, **limit("BUY", "50100", "0.01"))
    assert mover.simulator.advance("2024-03-04T00:10:00Z")["filled_orders"] == 2
    trades = mover.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT")
    assert [(one["id"], one["price"], (one["time"] - MONDAY_MS) // 60_000) for one in trades] == [
        (1, "50100.00000000", 7),
        (2, "49000.00000000", 8),
    ]


def test_a_client_id_is_unique_among_open_orders_only(trader: Account) -> None:
    first = trader.ok("POST", ORDER, **limit("BUY", "49000", newClientOrderId="same"))
    assert trader.refused("POST", ORDER, **order(quantity="0.001", newClientOrderId="same")) == (
        -2010,
        "Duplicate order sent.",
    )
    trader.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="same")
    trader.ok("POST", ORDER, **order(quantity="0.001", newClientOrderId="same"))
    last = trader.ok("POST", ORDER, **order(quantity="0.002", newClientOrderId="same"))  # it buys twice
    assert trader.ok("GET", ORDER, symbol="BTCUSDT", origClientOrderId="same")["orderId"] == last["orderId"]
    assert last["orderId"] == first["orderId"] + 2


def test_orders_and_trades_are_counted_per_symbol_from_one(moving: Simulator) -> None:
    one, other = (moving.account(spot={"USDT": "1000"}) for _ in range(2))
    answers = [account.ok("POST", ORDER, **order(quantity="0.001")) for account in (one, other, one)]
    assert [(answer["orderId"], answer["fills"][0]["tradeId"]) for answer in answers] == [(1, 1), (2, 2), (3, 3)]


def test_trades_are_listed_from_an_id_or_of_an_order(trader: Account) -> None:
    orders = [trader.ok("POST", ORDER, **order(quantity="0.001")) for _ in range(4)]
    ids = [answer["fills"][0]["tradeId"] for answer in orders]
    path = "/api/v3/myTrades"
    assert [row["id"] for row in trader.ok("GET", path, symbol="BTCUSDT", fromId=ids[1], limit=2)] == ids[1:3]
    assert [row["id"] for row in trader.ok("GET", path, symbol="BTCUSDT", limit=2)] == ids[2:]
    assert [row["id"] for row in trader.ok("GET", path, symbol="BTCUSDT", orderId=orders[0]["orderId"])] == ids[:1]
    assert [row["id"] for row in trader.ok("GET", path, symbol="BTCUSDT", startTime=NOW_MS)] == ids
    assert trader.ok("GET", path, symbol="BTCUSDT", startTime=NOW_MS + 1) == []
    assert len(trader.ok("GET", "/api/v3/allOrders", symbol="BTCUSDT", orderId=orders[2]["orderId"])) == 2


def test_an_unknown_order_is_not_found_and_not_cancelled(trader: Account) -> None:
    unknown = {"symbol": "BTCUSDT", "origClientOrderId": "never"}
    assert trader.refused("GET", ORDER, **unknown) == (-2013, "Order does not exist.")
    assert trader.refused("DELETE", ORDER, **unknown) == (-2011, "Unknown order sent.")
    trader.ok("POST", ORDER, **order(quantity="0.001", newClientOrderId="done"))
    done = {"symbol": "BTCUSDT", "origClientOrderId": "done"}
    assert trader.refused("DELETE", ORDER, **done) == (-2011, "Unknown order sent.")


def test_an_order_of_another_account_is_not_found(frozen: Simulator, trader: Account) -> None:
    trader.ok("POST", ORDER, **order(quantity="0.001", newClientOrderId="private"))
    other = frozen.account()
    assert other.refused("GET", ORDER, symbol="BTCUSDT", origClientOrderId="private")[0] == -2013
    assert other.ok("GET", "/api/v3/myTrades", symbol="BTCUSDT") == []


def test_an_order_costs_exactly_the_balance_or_is_refused(frozen: Simulator) -> None:
    account = frozen.account(spot={"USDT": "503.1006"})
    refusal = (-2010, "Account has insufficient balance for requested action.")
    assert account.refused("POST", ORDER, **order(quantity="0.01001")) == refusal
    assert account.refused("POST", ORDER, **order("SELL", quantity="0.001")) == refusal
    account.ok("POST", ORDER, **order(quantity="0.01"))
    assert account.spot("USDT") == ("0.00000000", "0.00000000")
    assert account.refused("POST", ORDER, **limit("SELL", "51000", "0.01")) == refusal  # 0.00999 are left


@pytest.mark.parametrize(
    ("wrong", "failed"),
    [
        (limit("BUY", "50000.001"), "PRICE_FILTER"),
        (limit("BUY", "2000000"), "PRICE_FILTER"),
        (limit("BUY", "9000"), "PERCENT_PRICE_BY_SIDE"),
        (limit("SELL", "260000"), "PERCENT_PRICE_BY_SIDE"),
        (limit("BUY", "50000", "0.010001"), "LOT_SIZE"),
        (limit("BUY", "50000", "9000.1"), "LOT_SIZE"),
        (limit("BUY", "49999", "0.0001"), "NOTIONAL"),
        (order(quantity="0.0001"), "NOTIONAL"),  # 4.999 at the mean of five closes, 49990
        (order(quoteOrderQty="4.99"), "NOTIONAL"),
        (order(quantity="0.000001"), "LOT_SIZE"),
        (order(quantity="121"), "MARKET_LOT_SIZE"),
    ],
)
def test_filters_fail_by_name(trader: Account, wrong: dict[str, Any], failed: str) -> None:
    assert trader.refused("POST", ORDER, **wrong) == (-1013, f"Filter failure: {failed}")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (order("HOLD", quantity="1"), -1117),
        (order(type_="MAGIC", quantity="1"), -1116),
        (order(type_="STOP_LOSS", quantity="1"), -1102),
        (order(type_="STOP_LOSS", quantity="1", stopPrice="49000", price="1"), -1106),
        (order(quantity="1", stopPrice="49000"), -1106),
        (order(type_="STOP_LOSS_LIMIT", quantity="1"), -1013),
        (limit("BUY", "50000", tif="GTX"), -1115),
        (order(), -1102),
        (order(quantity="1", quoteOrderQty="1"), -1128),
        (order(quantity="1", price="1"), -1106),
        (order(quantity="1", timeInForce="GTC"), -1106),
        (order(quantity="1e-3"), -1100),
        (order(quantity="-1"), -1100),
        (order(quantity="0"), -1013),
        (order(quantity="0.0000000001"), -1111),
        (order(quantity="1", newClientOrderId="no spaces"), -1100),
        (order(quantity="1", newClientOrderId="x" * 37), -1100),
        (order(quantity="1", newClientOrderId=""), -1105),
        (order(quantity="1", unheardOf="1"), -1104),
        (order(quantity="1") | {"symbol": "NOPEUSDT"}, -1121),
    ],
)
def test_malformed_orders_get_binances_codes(trader: Account, wrong: dict[str, Any], code: int) -> None:
    assert trader.refused("POST", ORDER, **wrong)[0] == code


def test_at_most_200_orders_rest(moving: Simulator) -> None:
    account = moving.account(spot={"USDT": "10000"})
    for _ in range(200):
        account.ok("POST", ORDER, **limit("BUY", "49000", "0.001"))
    assert account.refused("POST", ORDER, **limit("BUY", "49000", "0.001")) == (
        -1013,
        "Filter failure: MAX_NUM_ORDERS",
    )


def test_the_control_api_lists_every_execution_in_market_time(mover: Account) -> None:
    mover.ok("POST", ORDER, **order(quantity="0.001", newClientOrderId="first"))
    mover.simulator.advance("2024-03-04T00:08:00Z")
    mover.ok("POST", ORDER, **order("SELL", quantity="0.001"))
    first, second = mover.simulator.control("GET", f"/accounts/{mover.api_key}/executions")["executions"]
    assert first == {
        "market": "spot",
        "symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "order_id": 1,
        "client_order_id": "first",
        "trade_id": 1,
        "side": "BUY",
        "price": "50310.06",
        "quantity": "0.001",
        "quote_quantity": "50.31006",
        "commission": "0.000001",
        "commission_asset": "BTC",
        "is_maker": False,
        "realized_pnl": "0",
        "market_time": "2024-03-04T00:05:00+00:00",
    }
    assert second["market_time"] == "2024-03-04T00:08:00+00:00"
    shown = mover.simulator.control("GET", f"/accounts/{mover.api_key}")
    assert Decimal(shown["spot"]["BTC"]["free"]) == Decimal("0.999999")
