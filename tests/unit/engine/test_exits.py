"""Stops, take profits and trailing stops, as ticks enforce them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.unit.engine.desk import LEAVE_LONG, RULES, START, Desk, candle, held, minute
from tradebot.domain.order import ExitReason
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import with_extreme
from tradebot.strategy.interface import Signals

Script = dict[int, Signals]
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT
STOP, TRAILING, TARGET = ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP, ExitReason.TAKE_PROFIT


def reason_after(desk: Desk, number: int, close: object, *, price: object = None, **range_: object) -> str | None:
    """Return the reason of the exit that one more closed candle leads to."""
    desk.fills = False
    bar = candle(number - 1, close, **range_)
    found = desk.tick(number, bar, price=close if price is None else price).exit
    return None if found is None else found.reason


# Entered at 20,000: the stop lies at 19,600 (short 20,400), the take profit at 20,800 (short 19,200).
@pytest.mark.parametrize(
    ("side", "low", "high", "reason"),
    [
        (LONG, "19600.01", "20799.99", None),
        (LONG, "19600", "20000", STOP),
        (LONG, "20000", "20800", TARGET),
        (LONG, "19600", "20800", STOP),
        (SHORT, "19200.01", "20399.99", None),
        (SHORT, "20000", "20400", STOP),
        (SHORT, "19200", "20000", TARGET),
        (SHORT, "19200", "20400", STOP),
    ],
)
def test_a_range_that_touches_a_level_ends_the_position_and_the_stop_where_it_touches_both(
    side: PositionSide, low: str, high: str, reason: ExitReason | None
) -> None:
    desk = held(Desk.of(position_type="futures"), side)
    assert reason_after(desk, 1, 20_000, low=low, high=high, price=20_000) == reason


@pytest.mark.parametrize(
    ("side", "price", "reason"),
    [
        (LONG, "19600", STOP),
        (LONG, "19600.01", None),
        (LONG, "20800", TARGET),
        (SHORT, "20400", STOP),
        (SHORT, "19200", TARGET),
        (SHORT, "19200.01", None),
    ],
)
def test_a_level_that_the_price_now_has_passed_ends_the_position_between_candles(
    side: PositionSide, price: str, reason: ExitReason | None
) -> None:
    desk = held(Desk.of(position_type="futures"), side)
    desk.fills = False
    found = desk.tick(1, price=price).exit
    assert (None if found is None else found.reason) == reason


def test_a_candle_that_opens_beyond_a_level_ends_the_position_there_whatever_its_range_does_later() -> None:
    desk = held(Desk.of())
    assert reason_after(desk, 1, 20_000, first=20_900, low=19_000) == TARGET
    desk = held(Desk.of())
    assert reason_after(desk, 1, 20_000, first=19_500, high=21_000) == STOP


def test_a_level_that_was_reached_stays_reached_when_the_price_comes_back() -> None:
    desk = held(Desk.of())
    assert reason_after(desk, 1, 20_000, low=19_000) == STOP
    found = desk.tick(2, candle(1, 20_500), price=20_500).exit
    assert found is not None
    assert found.reason == STOP
    assert found.decision_key == "ema:20230313T100100Z:exit_long"


def test_a_signalled_exit_takes_the_name_of_the_level_that_the_price_has_passed_by_then(script: Script) -> None:
    script.update({0: LEAVE_LONG})
    for price, reason in (("19600", STOP), ("20800", TARGET), ("20100", ExitReason.EXIT_SIGNAL)):
        desk = held(Desk.of())
        assert reason_after(desk, 1, 20_000, price=price) == reason
        assert desk.memory.pending_exit is not None
        assert desk.memory.pending_exit.close_at == minute(1), "it is the same decision still"


@pytest.mark.rule(16)
def test_the_trailing_stop_stands_from_the_entry() -> None:
    desk = held(Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(1)))
    assert desk.memory.position is not None
    assert desk.memory.position.trailing_stop_price == 19_800
    assert reason_after(desk, 1, 20_000, low=19_800) == TRAILING


@pytest.mark.parametrize(("side", "sign"), [(LONG, 1), (SHORT, -1)])
def test_the_trailing_stop_follows_the_extreme_and_never_goes_back(side: PositionSide, sign: int) -> None:
    desk = held(Desk.of(position_type="futures", trailing_stop_active=True, trailing_stop_perc=Decimal(3)), side)
    for number, extreme in ((1, 20_300), (2, 20_500), (3, 20_100)):
        price = 20_000 + sign * (extreme - 20_000)
        desk.tick(number, candle(number - 1, 20_000, high=max(price, 20_000), low=min(price, 20_000)), price=20_000)
    position = desk.memory.position
    assert position is not None
    assert position.extreme_price == 20_000 + sign * 500
    # 3 % from the extreme: 20,500 x 0.97 or 19,500 x 1.03.
    assert position.trailing_stop_price == (Decimal(19_885) if side is LONG else Decimal(20_085))


def test_a_finer_tick_size_does_not_loosen_a_trailing_stop() -> None:
    desk = held(Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(3)))
    position = desk.memory.position
    assert position is not None
    coarse = replace(position, trailing_stop_price=Decimal(19_500))
    seen = with_extreme(coarse, Decimal(20_010), 30_000, RULES, START)
    assert (seen.extreme_price, seen.trailing_stop_price) == (Decimal(20_010), Decimal(19_500))


def test_a_candle_is_tested_with_the_stop_as_known_before_it() -> None:
    desk = held(Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(1)))
    # Its high of 20,700 would put the trailing stop at 20,493, above its own low.
    assert reason_after(desk, 1, 20_600, high=20_700, low=20_000, price=20_600) is None
    assert desk.memory.position is not None
    assert desk.memory.position.trailing_stop_price == 20_493
    assert reason_after(desk, 2, 20_600, low=20_493, price=20_600) == TRAILING


@pytest.mark.rule(25)
def test_a_stop_that_has_moved_beyond_the_close_sells_at_once() -> None:
    desk = held(Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(1)))
    assert reason_after(desk, 1, 20_000, high=20_700, price=20_000) == TRAILING


def test_equal_levels_count_as_the_stop_loss() -> None:
    desk = held(Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(2)))
    assert reason_after(desk, 1, 19_700, low=19_600, price=19_700) == STOP


def test_a_candle_that_opened_long_before_the_fill_says_nothing_about_the_position() -> None:
    # An hour's candle: the signal was half an hour old when it filled, and the low came before.
    desk = held(Desk.of(timeframe="1h"), number=25)
    desk.fills = False
    first = desk.tick(0, candle(0, 20_100, low=19_000, high=21_000), price=20_100, at=START + timedelta(hours=1))
    assert first.exit is None
    assert desk.memory.position is not None
    assert desk.memory.position.extreme_price == 20_100, "only its close came after the fill for certain"
    later = candle(60, 20_100, low=19_600)
    assert desk.tick(0, later, price=20_100, at=START + timedelta(hours=2)).exit is not None


def test_a_candle_that_opened_with_the_tick_of_the_fill_counts_whole() -> None:
    desk = held(Desk.of(timeframe="1h"), number=1)
    bar = candle(0, 20_100, low=19_600)
    assert desk.tick(0, bar, price=20_100, at=START + timedelta(hours=1)).exit is not None


@pytest.mark.rule(24)
def test_a_stop_outranks_a_day_limit_and_a_day_limit_a_signal(script: Script) -> None:
    script[0] = LEAVE_LONG
    desk = held(Desk.of(max_daily_loss_perc=Decimal("0.1")))
    assert reason_after(desk, 1, 19_700, price=19_700) == ExitReason.DAILY_LOSS
    desk = held(Desk.of(max_daily_loss_perc=Decimal("0.1")))
    assert reason_after(desk, 1, 19_500, price=19_700) == STOP


def test_without_a_price_only_closed_candles_decide() -> None:
    desk = held(Desk.of())
    assert desk.tick(1).exit is None
