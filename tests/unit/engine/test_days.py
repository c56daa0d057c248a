"""Daily limits, counters, and how they roll with the UTC day of the market."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.unit.engine.desk import LEAVE_LONG, LONG, RULES, SHORT, Desk, candle, held, minute
from tradebot.domain.candle import Candle
from tradebot.domain.market import BotStatus
from tradebot.domain.order import ExitReason
from tradebot.engine.notes import NoteCode
from tradebot.engine.tick import equity

if TYPE_CHECKING:
    from tradebot.strategy.interface import Signals

Script = dict[int, "Signals"]
#: Minutes from the tests' start, 10:00, to midnight.
MIDNIGHT = 14 * 60


@pytest.mark.rule(26)
def test_a_loss_of_exactly_the_limit_sells_and_pauses_until_the_next_day(script: Script) -> None:
    script.update({2: LONG})
    desk = held(Desk.of(max_daily_loss_perc=Decimal("0.1"), position_type="futures"))
    # The base is 10,000, the fee of the entry 1: a price 180 lower makes the loss 10.
    assert desk.tick(1, candle(0, "19820.01"), price="19820.01").exit is None
    decision = desk.tick(2, candle(1, 19_820), price=19_820)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.DAILY_LOSS
    assert decision.status is BotStatus.PAUSED_DAILY_LOSS
    blocked = desk.tick(3, candle(2, 19_820), price=19_820)
    assert blocked.entry is None
    assert [note.code for note in blocked.notes] == [NoteCode.PAUSED_DAILY_LOSS]
    assert desk.tick(MIDNIGHT).status is BotStatus.RUNNING


def test_a_gain_of_exactly_the_target_sells_and_pauses_until_the_next_day(script: Script) -> None:
    script.update({2: LONG})
    desk = held(Desk.of(daily_target_perc=Decimal("0.1"), position_type="futures"))
    assert desk.tick(1, candle(0, "20219.99"), price="20219.99").exit is None
    decision = desk.tick(2, candle(1, 20_220), price=20_220)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.DAILY_TARGET
    assert decision.status is BotStatus.PAUSED_DAILY_TARGET
    blocked = desk.tick(3, candle(2, 20_220), price=20_220)
    assert blocked.entry is None
    assert [note.code for note in blocked.notes] == [NoteCode.PAUSED_DAILY_TARGET]


def test_a_latched_limit_stays_for_the_day_whatever_the_equity_does_later() -> None:
    desk = held(Desk.of(max_daily_loss_perc=Decimal("0.1")))
    desk.fills = False
    desk.tick(1, candle(0, 19_700), price=19_700)
    decision = desk.tick(2, candle(1, 20_700), price=20_700)
    assert decision.status is BotStatus.PAUSED_DAILY_LOSS
    assert decision.exit is not None


def test_the_limit_is_tested_while_the_number_of_trades_pauses(script: Script) -> None:
    script.clear()
    desk = held(Desk.of(max_daily_loss_perc=Decimal("0.1"), max_daily_trades=1))
    assert desk.tick(1, candle(0, 20_000), price=20_000).status is BotStatus.PAUSED_MAX_TRADES
    assert desk.tick(2, candle(1, 19_700), price=19_700).status is BotStatus.PAUSED_DAILY_LOSS


@pytest.mark.rule(27)
def test_the_days_number_of_entries_stops_entries_and_lets_exits_go_on(script: Script) -> None:
    script.update({0: LEAVE_LONG, 1: LONG})
    desk = held(Desk.of(max_daily_trades=1))
    assert desk.tick(1, candle(0, 20_000), price=20_000).exit is not None
    decision = desk.tick(2, candle(1, 20_000), price=20_000)
    assert decision.entry is None
    assert decision.status is BotStatus.PAUSED_MAX_TRADES
    assert [note.code for note in decision.notes] == [NoteCode.PAUSED_MAX_TRADES]


def test_a_reversal_is_one_entry(script: Script) -> None:
    script.update({0: SHORT})
    desk = held(Desk.of(position_type="futures", max_daily_trades=5))
    desk.tick(1, candle(0, 20_000), price=20_000)
    assert desk.memory.trades_today == 2


def test_the_pause_of_one_day_blocks_the_entry_of_its_reversal_too(script: Script) -> None:
    script.update({0: SHORT})
    desk = held(Desk.of(position_type="futures", max_daily_loss_perc=Decimal("0.1")))
    decision = desk.tick(1, candle(0, 19_700), price=19_700)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.DAILY_LOSS, "a limit outranks a signal"
    assert decision.entry is None


@pytest.mark.rule(29)
def test_counters_roll_at_the_first_tick_of_a_day_by_themselves() -> None:
    desk = held(Desk.of())
    desk.tick(MIDNIGHT - 1, candle(0, 20_100), price=20_100)
    assert (desk.memory.trades_today, desk.memory.day) == (1, minute(0).date())
    desk.tick(MIDNIGHT)
    memory = desk.memory
    assert memory.trades_today == memory.daily_pnl == 0
    assert memory.day == datetime(2023, 3, 14, tzinfo=UTC).date()
    assert memory.day_base_equity == equity(memory, RULES, Decimal(20_100))
    assert memory.day_base_equity != memory.balance


def test_days_never_run_backwards() -> None:
    desk = Desk.of()
    desk.tick(MIDNIGHT)
    desk.tick(MIDNIGHT - 1)
    assert desk.memory.day == datetime(2023, 3, 14, tzinfo=UTC).date()


def test_daily_pnl_is_what_was_realised_that_day(script: Script) -> None:
    script.update({0: LEAVE_LONG})
    desk = held(Desk.of())
    desk.tick(1, candle(0, 20_000), price=20_100)
    assert desk.memory.daily_pnl == desk.trades[-1].realized_pnl == desk.memory.realized_pnl
    desk.tick(MIDNIGHT)
    assert desk.memory.daily_pnl == 0
    assert desk.memory.realized_pnl == desk.trades[-1].realized_pnl


@pytest.mark.rule(28)
def test_a_limit_reached_by_the_close_at_midnight_sells_then_and_does_not_pause_the_new_day(script: Script) -> None:
    script.update({1: SHORT})
    desk = held(Desk.of(position_type="futures", max_daily_loss_perc=Decimal("0.1")))
    desk.tick(MIDNIGHT - 1, candle(MIDNIGHT - 2, 20_000), price=20_000)
    decision = desk.tick(MIDNIGHT, candle(MIDNIGHT - 1, 19_700), price=19_700)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.DAILY_LOSS
    assert decision.status is BotStatus.RUNNING
    assert decision.entry is not None, "the day of the entry is the new one"
    assert desk.memory.day_base_equity is not None
    assert desk.memory.day_base_equity < 10_000


@pytest.mark.rule(28)
@pytest.mark.parametrize("timeframe", ["1d", "3d", "1w"])
def test_timeframes_of_a_day_and_more_never_pause(timeframe: str) -> None:
    desk = held(Desk.of(timeframe=timeframe, max_daily_loss_perc=Decimal("0.1")))
    opens = desk.parameters.timeframe.floor(minute(0)) + timedelta(days=21)
    price = Decimal(19_700)
    bar = Candle(opens, price, price, price, price, Decimal(1))
    closes = desk.parameters.timeframe.close_of(opens)
    decision = desk.tick(0, bar, price=price, at=closes)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.DAILY_LOSS
    assert decision.status is BotStatus.RUNNING


def test_missed_days_roll_with_their_own_candles() -> None:
    desk = held(Desk.of(max_daily_loss_perc=Decimal("0.1")))
    desk.fills = False
    # Yesterday's loss was reached yesterday; today's base is yesterday's last equity.
    decision = desk.tick(MIDNIGHT + 1, candle(MIDNIGHT - 1, 19_700), candle(MIDNIGHT, 19_700), price=19_700)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.DAILY_LOSS
    assert decision.status is BotStatus.RUNNING
    assert desk.memory.day_base_equity == equity(desk.memory, RULES, Decimal(19_700))
