"""One tick's decisions: signals, entries, exits and reversals."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.unit.engine.desk import LEAVE_LONG, LONG, RULES, SHORT, START, Desk, candle, held, minute
from tradebot.domain.market import BotStatus
from tradebot.domain.order import ExitReason, Side
from tradebot.domain.position import PositionSide
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.notes import NoteCode
from tradebot.engine.tick import drop_entry, request_exit, signal_is_fresh, warm_up
from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import Signals

if TYPE_CHECKING:
    from tradebot.engine.tick import Decision

Script = dict[int, Signals]


def codes(decision: Decision) -> list[NoteCode]:
    return [note.code for note in decision.notes]


def test_an_entry_signal_becomes_an_entry_at_the_tick_that_closes_its_candle(script: Script) -> None:
    script[0] = LONG
    desk = Desk.of()
    decision = desk.tick(1, candle(0, 20_000), price="20001.5")
    assert decision.exit is None
    entry = decision.entry
    assert entry is not None
    assert (entry.side, entry.position_side, entry.close) == (Side.BUY, PositionSide.LONG, Decimal(20_000))
    assert entry.decision_key == "ema:20230313T100100Z:enter_long"
    assert entry.close_at == minute(1)
    assert not entry.reduce_only
    assert entry.reason == "entry_signal"
    assert [trade.action for trade in desk.trades] == ["enter BUY"]
    assert desk.trades[0].quantity == Decimal("0.05"), "sized by the close, not by the price now"
    assert desk.memory.pending_entry is None


@pytest.mark.rule(6)
def test_the_last_warm_up_candles_signal_does_not_trade(script: Script) -> None:
    script.update({0: LONG, 1: LONG})
    desk = Desk.of()
    desk.memory = warm_up(desk.memory, desk.parameters, [candle(0, 20_000), candle(1, 20_000)])
    assert desk.tick(2, candle(0, 20_000), candle(1, 20_000), price=20_000).entry is None
    assert desk.memory.last_close_at == minute(2)
    assert desk.memory.indicators.to_json() == {"seen": 2}


def test_a_candle_that_was_fed_is_not_fed_again(script: Script) -> None:
    script.update({0: Signals(), 1: LONG, 2: Signals()})
    desk = Desk.of()
    desk.fills = False
    desk.tick(1, candle(0, 20_000), price=20_000)
    first = desk.tick(2, candle(0, 20_000), candle(1, 20_000), price=20_000)
    again = desk.tick(2, candle(0, 20_000), candle(1, 20_000), price=20_000)
    assert desk.memory.indicators.to_json() == {"seen": 2}
    assert first.entry == again.entry
    assert first.entry is not None, "a second tick of the candle offers the same decision"


def test_candles_out_of_order_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="comes after"):
        Desk.of().tick(3, candle(1, 20_000), candle(0, 20_000))


def test_a_candle_that_is_still_open_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="has not closed"):
        Desk.of().tick(1, candle(0, 20_000), candle(1, 20_000))


def test_an_exit_signal_sells_what_is_owned_rounded_down(script: Script) -> None:
    script[0] = LEAVE_LONG
    desk = held(Desk.of())
    decision = desk.tick(1, candle(0, 20_000), price=20_000)
    found = decision.exit
    assert found is not None
    assert (found.side, found.reason, found.quantity) == (Side.SELL, ExitReason.EXIT_SIGNAL, Decimal("0.04995"))
    assert found.decision_key == "ema:20230313T100100Z:exit_long"
    assert not found.reduce_only
    assert desk.memory.position is None
    assert desk.memory.pending_exit is None


def test_a_futures_exit_only_reduces(script: Script) -> None:
    script[0] = LONG
    decision = held(Desk.of(position_type="futures"), PositionSide.SHORT).tick(1, candle(0, 20_000), price=20_000)
    assert decision.exit is not None
    assert (decision.exit.side, decision.exit.reduce_only) == (Side.BUY, True)
    assert decision.exit.decision_key == "ema:20230313T100100Z:exit_short"


def test_an_exit_is_never_more_than_the_coins_that_are_free(script: Script) -> None:
    script[0] = LEAVE_LONG
    desk = held(Desk.of())
    desk.fills = False
    found = desk.tick(1, candle(0, 20_000), price=20_000).exit
    assert found is not None
    assert found.capped(Decimal("0.030009"), RULES).quantity == Decimal("0.03")
    assert found.capped(Decimal(1), RULES) == found


@pytest.mark.rule(2)
def test_spot_is_long_only(script: Script) -> None:
    script[0] = SHORT
    assert Desk.of().tick(1, candle(0, 20_000), price=20_000).entry is None


def test_futures_go_short(script: Script) -> None:
    script[0] = SHORT
    desk = Desk.of(position_type="futures")
    entry = desk.tick(1, candle(0, 20_000), price=20_000).entry
    assert entry is not None
    assert (entry.side, entry.position_side) == (Side.SELL, PositionSide.SHORT)
    assert entry.decision_key == "ema:20230313T100100Z:enter_short"
    assert desk.memory.position is not None
    assert desk.memory.position.stop_loss_price == 20_400


def test_a_same_side_signal_in_a_position_is_ignored(script: Script) -> None:
    script[0] = LONG
    desk = held(Desk.of())
    decision = desk.tick(1, candle(0, 20_000), price=20_000)
    assert (decision.exit, decision.entry, desk.memory.pending_entry) == (None, None, None)


def test_a_reversal_leaves_first_and_then_enters_sized_by_the_balance_after(script: Script) -> None:
    script[0] = SHORT
    desk = held(Desk.of(position_type="futures", position_size_fixed=None, position_size_perc=Decimal(10)))
    decision = desk.tick(1, candle(0, 19_900), price=19_900)
    assert decision.exit is not None
    assert decision.entry is not None
    assert [trade.action for trade in desk.trades] == ["enter BUY", "exit SELL", "enter SELL"]
    after = 10_000 - desk.fee * 1_000 - 5 - desk.fee * 995
    assert desk.trades[-1].quantity == RULES.floor_quantity(after / 10 * 10 / 19_900)
    assert desk.memory.position is not None
    assert desk.memory.position.side is PositionSide.SHORT


def test_a_reversal_whose_exit_is_not_done_enters_at_a_later_tick_of_the_candle(script: Script) -> None:
    script[0] = SHORT
    desk = held(Desk.of(position_type="futures", timeframe="1h"))
    desk.fills = False
    at = START + timedelta(hours=1)
    first = desk.tick(0, candle(0, 19_900), price=19_900, at=at)
    desk.fills = True
    second = desk.tick(0, price=19_900, at=at + timedelta(minutes=1))
    assert first.exit == second.exit
    assert first.entry == second.entry
    assert [trade.action for trade in desk.trades] == ["enter BUY", "exit SELL", "enter SELL"]


def test_after_a_stop_inside_a_candle_its_entry_signal_counts(script: Script) -> None:
    script[0] = LONG
    desk = held(Desk.of())
    decision = desk.tick(1, candle(0, 20_000, low=19_000), price=20_000)
    assert decision.exit is not None
    assert decision.exit.reason is ExitReason.STOP_LOSS
    assert decision.entry is not None
    assert [trade.action for trade in desk.trades] == ["enter BUY", "exit SELL", "enter BUY"]
    assert len({decision.exit.decision_key, decision.entry.decision_key}) == 2


def test_a_position_that_ends_before_another_candle_closes_has_its_own_exit_key(script: Script) -> None:
    script[0] = LONG
    desk = held(Desk.of(timeframe="1h"))
    at = START + timedelta(hours=1)
    first = desk.tick(0, candle(0, 20_000, low=19_000), price=20_000, at=at)
    second = desk.tick(0, price=19_000, at=at + timedelta(minutes=1))
    assert first.exit is not None
    assert second.exit is not None
    assert first.exit.decision_key == "ema:20230313T110000Z:exit_long"
    assert second.exit.decision_key == "ema:20230313T110000Z:exit_long_again"


@pytest.mark.rule(30)
def test_every_missed_candle_goes_through_and_entries_of_missed_ones_expire(script: Script) -> None:
    script.update({0: LONG, 2: Signals()})
    desk = Desk.of()
    decision = desk.tick(3, candle(0, 20_000), candle(1, 20_000), candle(2, 20_000), price=20_000)
    assert decision.entry is None
    assert codes(decision) == [NoteCode.MISSED_CANDLE]
    assert desk.memory.indicators.to_json() == {"seen": 3}


def test_the_newest_candles_entry_counts_after_missed_ones(script: Script) -> None:
    script.update({0: LONG, 2: LONG})
    decision = Desk.of().tick(3, candle(0, 20_000), candle(1, 20_000), candle(2, 20_000), price=20_000)
    assert decision.entry is not None
    assert decision.entry.close_at == minute(3)


@pytest.mark.rule(30)
def test_an_exit_of_a_missed_candle_stays_pending_until_it_is_done(script: Script) -> None:
    script[0] = LEAVE_LONG
    desk = held(Desk.of())
    desk.fills = False
    for number in (2, 3):
        missed = [candle(k, 20_000) for k in range(number)]
        found = desk.tick(number, *missed, price=20_000).exit
        assert found is not None
        assert found.decision_key == "ema:20230313T100100Z:exit_long"
        assert found.reason is ExitReason.EXIT_SIGNAL
    desk.fills = True
    desk.tick(3, price=20_000)
    assert desk.tick(3, price=20_000).exit is None


def test_a_pending_exit_lets_the_next_candles_entry_count(script: Script) -> None:
    script.update({0: LEAVE_LONG, 1: LONG})
    desk = held(Desk.of())
    decision = desk.tick(2, candle(0, 20_000), candle(1, 20_000), price=20_000)
    assert decision.exit is not None
    assert decision.entry is not None


@pytest.mark.rule(30)
def test_a_candle_after_a_gap_may_exit_but_not_enter(script: Script) -> None:
    script.update({1: LONG, 2: LONG})
    desk = Desk.of()
    desk.tick(1, candle(0, 20_000), price=20_000)
    decision = desk.tick(3, candle(2, 20_000), price=20_000)
    assert decision.entry is None
    assert codes(decision) == [NoteCode.GAP]
    assert desk.memory.gaps == 1
    assert desk.tick(4, candle(3, 20_000), price=20_000).entry is not None

    leaving = held(Desk.of())
    leaving.tick(1, candle(0, 20_000), price=20_000)
    script[1] = LEAVE_LONG
    assert leaving.tick(3, candle(2, 20_000), price=20_000).exit is not None


@pytest.mark.rule(31)
@pytest.mark.parametrize(("late", "opens"), [(0, True), (30, True), (30.001, False), (45, False)])
def test_a_signal_older_than_half_its_timeframe_opens_nothing(script: Script, late: float, opens: bool) -> None:
    script[0] = LONG
    decision = Desk.of().tick(1, candle(0, 20_000), price=20_000, late_seconds=late)
    assert (decision.entry is not None) is opens
    assert codes(decision) == ([] if opens else [NoteCode.STALE_SIGNAL])
    assert decision.memory.pending_entry is None or opens


def test_a_late_exit_is_still_an_exit(script: Script) -> None:
    script[0] = LEAVE_LONG
    assert held(Desk.of()).tick(1, candle(0, 20_000), price=20_000, late_seconds=59).exit is not None


def test_freshness_is_measured_in_the_timeframe() -> None:
    close = START.replace(hour=12)
    assert signal_is_fresh(Timeframe.H4, close, close + timedelta(hours=2))
    assert not signal_is_fresh(Timeframe.H4, close, close + timedelta(hours=2, seconds=1))
    march = START.replace(day=1, hour=0)
    assert signal_is_fresh(Timeframe.MONTH, march, march + timedelta(days=15))
    assert not signal_is_fresh(Timeframe.MONTH, march, march + timedelta(days=16))


def test_a_dropped_entry_is_not_offered_again(script: Script) -> None:
    script[0] = LONG
    desk = Desk.of()
    desk.fills = False
    desk.tick(1, candle(0, 20_000), price=20_000)
    desk.memory = drop_entry(desk.memory)
    assert desk.tick(1, price=20_000).entry is None


def test_a_user_who_asks_for_it_has_the_position_closed() -> None:
    desk = held(Desk.of())
    desk.memory = request_exit(desk.memory, ExitReason.MANUAL, minute(1), Decimal(20_000))
    found = desk.tick(1, price=20_000).exit
    assert found is not None
    assert found.reason is ExitReason.MANUAL
    assert desk.memory.position is None
    assert request_exit(desk.memory, ExitReason.MANUAL, minute(1), Decimal(20_000)) is desk.memory


def test_a_tick_without_anything_new_decides_nothing() -> None:
    decision = Desk.of().tick(1)
    assert (decision.exit, decision.entry, decision.notes, decision.status) == (None, None, (), BotStatus.RUNNING)
