"""The life of an order, its names, and what its fills add up to."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from tradebot.domain.order import TRANSITIONS, Execution, ExitReason, Fill, Leg, OrderStatus
from tradebot.domain.order_id import client_order_id, decision_key
from tradebot.errors import ConflictError, InvalidInputError

# One row per status, written out: what may follow it.
ROWS = {
    "SENDING": "NEW PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED UNKNOWN",
    "UNKNOWN": "NEW PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED ABSENT",
    "NEW": "PARTIALLY_FILLED FILLED CANCELED EXPIRED REJECTED",
    "PARTIALLY_FILLED": "FILLED CANCELED EXPIRED",
    "FILLED": "",
    "CANCELED": "",
    "EXPIRED": "",
    "REJECTED": "",
    "ABSENT": "",
}
AT = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)


def fill(quantity: str, price: str, commission: str = "0", asset: str = "USDT", second: int = 0) -> Fill:
    amount, rate = Decimal(quantity), Decimal(price)
    return Fill("1", rate, amount, amount * rate, Decimal(commission), asset, AT + timedelta(seconds=second))


@pytest.mark.parametrize("status", list(OrderStatus))
def test_a_status_moves_only_as_its_row_says(status: OrderStatus) -> None:
    allowed = set(ROWS[status].split())
    for new in OrderStatus:
        if new in allowed:
            assert status.moved_to(new) is new
        elif new is status:
            assert status.moved_to(new) is status
            assert not status.may_become(new)
        else:
            with pytest.raises(ConflictError, match=f"{status} cannot become {new}"):
                status.moved_to(new)


def test_every_status_has_a_row() -> None:
    assert set(TRANSITIONS) == set(OrderStatus) == {OrderStatus(name) for name in ROWS}


def test_terminal_orders_are_the_ones_that_can_no_longer_execute() -> None:
    live = {status for status in OrderStatus if status.is_live}
    assert live == {OrderStatus.SENDING, OrderStatus.UNKNOWN, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED}
    assert {status for status in OrderStatus if status.is_in_doubt} == {OrderStatus.SENDING, OrderStatus.UNKNOWN}


def test_nothing_comes_back_to_sending() -> None:
    assert not any(status.may_become(OrderStatus.SENDING) for status in OrderStatus)


def test_two_ticks_of_one_candle_make_one_decision_key() -> None:
    assert decision_key("ema", AT, "enter_long") == "ema:20230313T100000Z:enter_long"


def test_client_order_id_is_the_same_for_the_same_attempt_and_fits_binance() -> None:
    key = decision_key("ema", AT, "enter_long")
    first = client_order_id(7, key, Leg.ENTRY, 1)
    assert first == client_order_id(7, key, Leg.ENTRY, 1) == "tb1-GTJKQT27OQMUV2PAYIKHOFSV"
    assert re.fullmatch(r"tb1-[A-Z2-7]{24}", first)
    assert re.fullmatch(r"[a-zA-Z0-9-_]{1,36}", first)


def test_client_order_id_differs_by_bot_decision_leg_and_attempt() -> None:
    key, other = decision_key("ema", AT, "enter_long"), decision_key("ema", AT, "enter_short")
    ids = [
        client_order_id(7, key, Leg.ENTRY, 1),
        client_order_id(8, key, Leg.ENTRY, 1),
        client_order_id(7, other, Leg.ENTRY, 1),
        client_order_id(7, key, Leg.EXIT, 1),
        client_order_id(7, key, Leg.ENTRY, 2),
    ]
    assert len(set(ids)) == len(ids)


def test_fills_add_up_exactly_and_commissions_by_asset() -> None:
    execution = Execution.from_fills(
        [fill("0.1", "100.01", "0.02", "BNB", 3), fill("0.2", "100.02", "0.01", "USDT"), fill("0.3", "7", "0.5", "BNB")]
    )
    assert (execution.quantity, execution.quote_quantity) == (Decimal("0.6"), Decimal("32.105"))
    assert execution.commissions == (("BNB", Decimal("0.52")), ("USDT", Decimal("0.01")))
    assert execution.executed_at == AT + timedelta(seconds=3)
    assert execution.price == Fraction("32.105") / Fraction("0.6")
    assert execution.average_price == Decimal("53.508333333333")


def test_no_fills_are_no_execution() -> None:
    with pytest.raises(InvalidInputError, match="at least one fill"):
        Execution.from_fills([])


def test_reasons_are_told_apart_by_what_they_come_from() -> None:
    assert {reason for reason in ExitReason if reason.is_stop} == {ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP}
    assert {reason for reason in ExitReason if reason.is_level} == (
        {ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP, ExitReason.TAKE_PROFIT, ExitReason.LIQUIDATION}
    )
