"""What is written from columns is what the trades say as values of the domain."""

from __future__ import annotations

import csv
import random

import pytest

from tests.proofs.backtests import document, market_candles
from tradebot.domain.market import MarketType
from tradebot.domain.money import canonical
from tradebot.domain.order import Leg
from tradebot.domain.position import PositionSide
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import CandleArray, from_ms
from tradebot.engine.simulate import simulate
from tradebot.engine.statistics.report import build_report
from tradebot.report.csv_tables import trades_csv
from tradebot.report.picture import picture_of
from tradebot.report.result import Result
from tradebot.services.backtest_document import setup_of


@pytest.fixture(scope="module", params=list(MarketType))
def result(request: pytest.FixtureRequest) -> Result:
    candles = CandleArray.from_candles(market_candles(3)[:3_000], Timeframe.M15)
    asked = document(request.param, random.Random(1))
    setup = setup_of(asked, price_decimals=candles.price_decimals, warm_up=500)
    state, output = simulate(setup, candles)
    return Result(setup, output, state, build_report(setup, state, candles, output))


def test_a_line_of_the_csv_has_every_value_of_its_trade(result: Result) -> None:
    lines = list(csv.DictReader(trades_csv(result).splitlines()))
    assert len(lines) == len(result.output.trades) > 20
    number = 0
    for line, trade in zip(lines, result.output.trades, strict=True):
        number += trade.leg is Leg.ENTRY
        is_base = trade.leg is Leg.ENTRY and trade.commission != trade.fee
        assert line == {
            "number": str(number),
            "at": from_ms(trade.at_ms).isoformat(),
            "side": trade.side.value,
            "position_side": trade.position_side.value,
            "leg": trade.leg.value,
            "reason": trade.reason,
            "order_type": trade.order_type.value,
            "quantity": canonical(trade.quantity),
            "price": canonical(trade.price),
            "quote": canonical(trade.quote),
            "fee": canonical(trade.fee),
            "commission": canonical(trade.commission),
            "commission_asset": "BTC" if is_base else "USDT",
            "funding": canonical(trade.funding),
            "realized_pnl": "" if trade.realized_pnl is None else canonical(trade.realized_pnl),
        }


def test_a_mark_of_the_picture_is_where_its_trade_was(result: Result) -> None:
    candles = CandleArray.from_candles(market_candles(3)[500:3_000], Timeframe.M15)
    marks = picture_of(result.setup, result.output, [candles]).marks
    for mark, trade in zip(marks, result.output.trades, strict=True):
        assert (mark.at_ms, mark.price, mark.reason) == (trade.at_ms, float(trade.price), trade.reason)
        assert mark.is_entry == (trade.leg is Leg.ENTRY)
        assert mark.is_long == (trade.position_side is PositionSide.LONG)
        assert mark.realized_pnl == (None if trade.realized_pnl is None else float(trade.realized_pnl))
