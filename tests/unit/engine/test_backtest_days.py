"""Rules 26 to 31 in a backtest: days with their limits, and holes in the data."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.unit.engine.desk import LEAVE_LONG, LONG, SHORT, START
from tests.unit.engine.replay import FUTURES, Replay
from tradebot.engine.tick import status
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from tradebot.strategy.interface import Signals

    Script = dict[int, Signals]

NIGHT = START.replace(hour=23, minute=57)


# Rule 26


@pytest.mark.rule(26)
@pytest.mark.parametrize(("close", "latched"), [("19800.01", None), ("19800", "daily_loss")])
def test_the_days_loss_limit_is_inclusive(script: Script, close: str, latched: str | None) -> None:
    script[0] = LONG
    replay = Replay(max_daily_loss_perc=Decimal("0.1")).run(20_000, 20_000, close)
    assert replay.state.memory.day_latch == latched


@pytest.mark.rule(26)
@pytest.mark.parametrize(("close", "latched"), [("20199.99", None), ("20200", "daily_target")])
def test_the_days_target_is_inclusive(script: Script, close: str, latched: str | None) -> None:
    script[0] = LONG
    replay = Replay(daily_target_perc=Decimal("0.1")).run(20_000, 20_000, close)
    assert replay.state.memory.day_latch == latched


@pytest.mark.rule(26)
def test_a_reached_limit_exits_at_the_next_open_and_enters_no_more_that_day(script: Script) -> None:
    script[0] = script[3] = script[5] = LONG
    replay = Replay(max_daily_loss_perc=Decimal("0.1")).run(20_000, 20_000, 19_750, 19_760, 19_760, 20_500, 20_500)
    assert replay.told == [("entry_signal", Decimal(20_000)), ("daily_loss", Decimal(19_760))]
    assert replay.skipped == ["paused_daily_loss", "paused_daily_loss"]
    assert status(replay.state.memory, replay.setup.parameters) == "paused_daily_loss"


@pytest.mark.rule(26)
def test_a_limit_stays_latched_when_the_equity_comes_back(script: Script) -> None:
    script[0] = LONG
    replay = Replay(max_daily_loss_perc=Decimal("0.1")).run(20_000, 20_000, 19_750, 20_500, 20_500)
    assert replay.equity[-1] > 10_000
    assert replay.state.memory.day_latch == "daily_loss"


@pytest.mark.rule(26)
def test_limits_are_tested_while_entries_are_paused_by_the_number_of_trades(script: Script) -> None:
    script[0] = LONG
    replay = Replay(max_daily_trades=1, max_daily_loss_perc=Decimal("0.1")).run(20_000, 20_000, 19_750, 19_750)
    assert replay.told[-1] == ("daily_loss", Decimal(19_750))


# Rule 27


@pytest.mark.rule(27)
def test_a_reversal_is_one_entry_and_exits_go_on(script: Script) -> None:
    script[0], script[2], script[4] = LONG, SHORT, LONG
    replay = Replay(max_daily_trades=2, **FUTURES).run(*[20_000] * 7)
    assert [trade.reason for trade in replay.trades] == ["entry_signal", "exit_signal", "entry_signal", "exit_signal"]
    assert replay.skipped == ["paused_max_trades"]


# Rule 28


@pytest.mark.rule(28)
def test_a_limit_at_the_close_of_midnight_sells_at_midnight_and_leaves_the_new_day_free(script: Script) -> None:
    script[0], script[2] = LONG, SHORT
    settings = {**FUTURES, "max_daily_loss_perc": Decimal("0.1")}
    replay = Replay(begin=NIGHT, **settings).run(20_000, 20_000, 19_750, 19_700)
    assert replay.told == [
        ("entry_signal", Decimal(20_000)),
        ("daily_loss", Decimal(19_700)),
        ("entry_signal", Decimal(19_700)),
    ]
    assert replay.state.memory.day_latch is None


@pytest.mark.rule(28)
def test_daily_limits_never_pause_timeframes_of_a_day(script: Script) -> None:
    script[0] = script[2] = LONG
    replay = Replay(timeframe="1d", begin=START.replace(hour=0), max_daily_loss_perc=Decimal("0.1"))
    replay.run(20_000, 20_000, (20_000, 20_000, 19_500, 19_700), 19_700)
    # Stopped in the day that also reached the limit; the next day enters at once.
    assert [trade.reason for trade in replay.trades] == ["entry_signal", "stop_loss", "entry_signal"]


# Rule 29


@pytest.mark.rule(29)
def test_a_pause_ends_by_itself_with_the_first_candle_of_the_next_day(script: Script) -> None:
    script[0] = script[3] = LONG
    replay = Replay(begin=NIGHT, max_daily_trades=1).run(20_000, 20_000, (20_000, 20_000, 19_500, 19_600))
    assert status(replay.state.memory, replay.setup.parameters) == "paused_max_trades"
    replay.run(19_600, 19_600)
    assert replay.told[-1] == ("entry_signal", Decimal(19_600))
    assert replay.state.memory.trades_today == 1


def test_every_day_that_ended_is_told_with_its_base_its_end_and_its_entries(script: Script) -> None:
    script[0], script[4] = LONG, LEAVE_LONG
    replay = Replay(begin=NIGHT).run(20_000, 20_000, 20_100, 20_100, 20_200, 20_200)
    days, units = replay.output.days, replay.output.units
    assert list(days.entries) == [1]
    assert [units.money(value) for value in (days.base[0], days.end[0])] == [Decimal(10_000), Decimal(10_005)]
    assert replay.state.memory.day_base_equity == Decimal(10_005)


# Rules 30 and 31


@pytest.mark.rule(31)
def test_a_pending_entry_expires_in_a_hole(script: Script) -> None:
    script[0] = LONG
    replay = Replay().run(20_000).skip(1).run(20_000)
    assert len(replay.trades) == 0
    assert replay.skipped == ["stale_signal"]


def test_a_pending_exit_waits_through_a_hole(script: Script) -> None:
    script[0], script[2] = LONG, LEAVE_LONG
    replay = Replay().run(20_000, 20_000, 20_000).skip(3).run(20_200)
    assert replay.told[-1] == ("exit_signal", Decimal(20_200))


@pytest.mark.rule(30)
def test_a_candle_after_a_hole_may_exit_and_not_enter_and_holes_are_counted(script: Script) -> None:
    script[0], script[2], script[4] = LONG, LEAVE_LONG, LONG
    replay = Replay().run(20_000, 20_000).skip(1).run(20_000, 20_000).skip(2).run(20_000, 20_000)
    assert [trade.reason for trade in replay.trades] == ["entry_signal", "exit_signal"]
    assert replay.skipped == ["gap"]
    assert replay.state.memory.gaps == len(replay.output.gap_from_ms) == 2


def test_a_position_that_is_held_through_a_hole_pays_its_funding(script: Script) -> None:
    script[0] = LONG
    begin = START.replace(hour=7, minute=58)
    replay = Replay(begin=begin, **FUTURES).run(20_000, 20_000).skip(5).run(20_000)
    assert replay.state.tally.funding_assumed == 1


def test_candles_out_of_order_are_refused(script: Script) -> None:
    replay = Replay().run(20_000, 20_000)
    replay.next_ms -= 60_000
    with pytest.raises(InvalidInputError):
        replay.run(20_000)
