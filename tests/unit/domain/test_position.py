"""Which level ends a position."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tradebot.domain.order import ExitReason, Side
from tradebot.domain.position import Position, PositionSide

AT = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)


def position(side: PositionSide, stop: str, take_profit: str, trailing: str | None = None) -> Position:
    return Position(
        side=side,
        entry_key="ema:20230313T100000Z:enter_long",
        entry_close_at=AT,
        opened_at=AT,
        is_owned=False,
        quantity=Decimal(3),
        cost=Decimal(300),
        entry_quantity=Decimal(3),
        entry_quote=Decimal(300),
        entry_fee=Decimal(0),
        stop_loss_price=Decimal(stop),
        take_profit_price=Decimal(take_profit),
        trailing_stop_price=None if trailing is None else Decimal(trailing),
        extreme_price=Decimal(100),
    )


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("97.99", ExitReason.STOP_LOSS),
        ("98", ExitReason.STOP_LOSS),
        ("98.01", None),
        ("103.99", None),
        ("104", ExitReason.TAKE_PROFIT),
    ],
)
def test_a_long_ends_at_or_below_its_stop_and_at_or_above_its_take_profit(
    price: str, reason: ExitReason | None
) -> None:
    assert position(PositionSide.LONG, "98", "104").level_reached(Decimal(price)) is reason


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        ("102.01", ExitReason.STOP_LOSS),
        ("102", ExitReason.STOP_LOSS),
        ("101.99", None),
        ("96.01", None),
        ("96", ExitReason.TAKE_PROFIT),
    ],
)
def test_a_short_mirrors_it(price: str, reason: ExitReason | None) -> None:
    assert position(PositionSide.SHORT, "102", "96").level_reached(Decimal(price)) is reason


@pytest.mark.parametrize(
    ("side", "stop", "trailing", "effective", "reason"),
    [
        (PositionSide.LONG, "98", "99", "99", ExitReason.TRAILING_STOP),
        (PositionSide.LONG, "98", "97", "98", ExitReason.STOP_LOSS),
        (PositionSide.LONG, "98", "98", "98", ExitReason.STOP_LOSS),
        (PositionSide.SHORT, "102", "101", "101", ExitReason.TRAILING_STOP),
        (PositionSide.SHORT, "102", "103", "102", ExitReason.STOP_LOSS),
        (PositionSide.SHORT, "102", "102", "102", ExitReason.STOP_LOSS),
    ],
)
def test_the_tighter_stop_acts_and_equal_levels_count_as_the_stop_loss(
    side: PositionSide, stop: str, trailing: str, effective: str, reason: ExitReason
) -> None:
    take_profit = "110" if side is PositionSide.LONG else "90"
    assert position(side, stop, take_profit, trailing).stop == (Decimal(effective), reason)


def test_sides_know_their_orders() -> None:
    assert (PositionSide.LONG.entry_side, PositionSide.LONG.exit_side) == (Side.BUY, Side.SELL)
    assert (PositionSide.SHORT.entry_side, PositionSide.SHORT.exit_side) == (Side.SELL, Side.BUY)
    assert PositionSide.LONG.opposite is PositionSide.SHORT
    assert PositionSide.SHORT.opposite is PositionSide.LONG
