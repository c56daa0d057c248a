"""Answers are read exactly, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tradebot.exchange import answers
from tradebot.exchange.answers import UnreadableAnswerError

LOT = {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"}
PRICE = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"}


def symbol(*filters: dict[str, Any]) -> dict[str, Any]:
    return {"symbols": [{"symbol": "BTCUSDT", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": [*filters]}]}


def test_spots_filters_are_those_that_a_market_order_obeys() -> None:
    market_lot = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "120.5", "stepSize": "0.0"}
    notional = {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}
    rules = answers.rules_of(symbol(LOT, PRICE, market_lot, notional))["BTCUSDT"]
    assert (rules.tick_size, rules.step_size) == (Decimal("0.01"), Decimal("0.00001"))
    assert (rules.min_qty, rules.max_qty, rules.min_notional) == (Decimal("0.00001"), Decimal("120.5"), Decimal(5))


def test_futures_filters_name_their_notional_differently() -> None:
    market_lot = {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"}
    notional = {"filterType": "MIN_NOTIONAL", "notional": "100"}
    rules = answers.rules_of(symbol(LOT, PRICE, market_lot, notional))["BTCUSDT"]
    assert (rules.step_size, rules.min_qty, rules.min_notional) == (Decimal("0.001"), Decimal("0.001"), Decimal(100))


@pytest.mark.parametrize("value", [None, "", "x", "NaN", "Infinity", True, [], {}, 1.5])
def test_what_is_no_exact_number_is_refused(value: object) -> None:
    with pytest.raises(UnreadableAnswerError):
        answers.decimal_of(value)


def test_times_are_aware_and_exact_to_the_millisecond() -> None:
    instant = answers.instant_of(1678701600123)
    assert instant == datetime(2023, 3, 13, 10, 0, 0, 123_000, tzinfo=UTC)
    assert answers.milliseconds_of(instant) == 1678701600123


@pytest.mark.parametrize(
    "row",
    [
        [1678701600000, "1", "2", "0.5", "1.5"],
        [1678701600000, "1", "0.9", "0.5", "0.8", "1"],
        [1678701600000, "1", "NaN", "0.5", "0.8", "1"],
        "1678701600000",
    ],
    ids=["short", "a high below the open", "not a number", "not a row"],
)
def test_a_row_that_is_no_candle_is_refused(row: Any) -> None:
    with pytest.raises(UnreadableAnswerError):
        answers.candle_of(row)


def test_a_trade_without_its_own_quote_amount_gets_the_exact_product() -> None:
    fill = answers.fill_of(
        {"tradeId": 5, "price": "27123.45000000", "qty": "0.00123000", "commission": "0", "commissionAsset": "BTC"},
        executed_at=datetime(2023, 3, 13, tzinfo=UTC),
    )
    assert fill.quote_quantity == Decimal("33.3618435")
    assert fill.trade_id == "5"
