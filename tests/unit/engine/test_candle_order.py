"""Rules 19 to 25: one candle, in order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.engine.desk import LEAVE_LONG, LONG, SHORT, START
from tests.unit.engine.replay import FUTURES, Replay
from tradebot.engine.backtest import FundingRate
from tradebot.engine.candles import to_ms
from tradebot.engine.parameters import FeeRates

if TYPE_CHECKING:
    from tradebot.strategy.interface import Signals

    Script = dict[int, Signals]

ENTRY, STOP, TRAIL, TAKE, LEAVE = "entry_signal", "stop_loss", "trailing_stop", "take_profit", "exit_signal"
SLIPPING = FeeRates(maker_ppm=0, taker_ppm=0, slippage_ppm=1_000)


def told(*trades: tuple[str, object]) -> list[tuple[str, Decimal]]:
    return [(reason, Decimal(str(price))) for reason, price in trades]


# Rule 19


@pytest.mark.rule(19)
def test_a_new_utc_day_begins_with_the_equity_at_the_last_close_and_zero_counters(script: Script) -> None:
    script[0] = LONG
    replay = Replay(begin=START.replace(hour=23, minute=57)).run(20_000, 20_000, (20_000, 20_100, 20_000, 20_100))
    assert replay.state.memory.trades_today == 1
    replay.run((20_050, 20_050, 20_050, 20_050))
    memory = replay.state.memory
    assert (memory.trades_today, memory.daily_pnl, memory.day_latch) == (0, Decimal(0), None)
    # 0.05 BTC gained 100 each by the close of 23:59; the first price of the new day does not count.
    assert memory.day_base_equity == Decimal(10_005)
    assert [replay.output.units.money(end) for end in replay.output.days.end] == [Decimal(10_005)]


# Rule 20


@pytest.mark.rule(20)
def test_an_open_beyond_the_stop_sells_at_that_open(script: Script) -> None:
    script[0] = LONG
    replay = Replay().run(20_000, 20_000, (19_000, 19_900, 18_900, 19_800))
    assert replay.told == told((ENTRY, 20_000), (STOP, 19_000))


@pytest.mark.rule(20)
def test_an_open_at_the_stop_sells_at_that_open(script: Script) -> None:
    script[0] = LONG
    assert Replay().run(20_000, 20_000, 19_600).told == told((ENTRY, 20_000), (STOP, 19_600))


@pytest.mark.rule(16, 20)
@pytest.mark.parametrize(
    ("first", "reason"),
    [(19_601, TRAIL), (19_600, STOP), (19_000, STOP)],
    ids=["beyond the trailing stop alone", "at the stop loss", "beyond both"],
)
def test_an_open_is_met_by_the_stop_that_rested_before_the_last_candle_moved_it(
    script: Script, first: int, reason: str
) -> None:
    script[0] = LONG
    replay = Replay(trailing_stop_active=True, trailing_stop_perc=Decimal(2))
    # Both stand at 19,600 from the entry, until the next candle's high draws the trailing stop to 19,796.
    replay.run(20_000, 20_000, (20_000, 20_200, 20_000, 20_100), (first, first, first, first))
    assert replay.told == told((ENTRY, 20_000), (reason, first))


@pytest.mark.rule(16, 20)
def test_a_trailing_stop_that_rested_gives_its_name_to_an_open_beyond_both(script: Script) -> None:
    script[0] = LONG
    replay = Replay(trailing_stop_active=True, trailing_stop_perc=Decimal(2))
    rise, higher = (20_000, 20_200, 20_000, 20_100), (20_100, 20_300, 20_100, 20_200)
    replay.run(20_000, 20_000, rise, higher, (19_000, 19_000, 19_000, 19_000))
    assert replay.told == told((ENTRY, 20_000), (TRAIL, 19_000))


@pytest.mark.rule(20)
def test_an_open_beyond_the_take_profit_fills_it_at_its_own_price(script: Script) -> None:
    script[0] = LONG
    replay = Replay().run(20_000, 20_000, (21_500, 21_600, 21_400, 21_500))
    assert replay.told == told((ENTRY, 20_000), (TAKE, 20_800))
    assert replay.trades[1].order_type == "LIMIT"


@pytest.mark.rule(20)
def test_an_open_beyond_liquidation_and_stop_is_a_liquidation(script: Script) -> None:
    script[0] = LONG
    # 5x: liquidated below 20,000 x 0.8 / 0.996 = 16,064.26, far beyond the stop at 19,600.
    replay = Replay(**FUTURES).run(20_000, 20_000, (16_000, 16_500, 15_900, 16_500))
    assert replay.told == told((ENTRY, 20_000), ("liquidation", "16064.26"))


@pytest.mark.rule(18, 20)
def test_a_position_pays_funding_at_the_open_that_it_leaves_at(script: Script) -> None:
    script[0], script[2] = LONG, LEAVE_LONG
    at = START + timedelta(minutes=3)
    funding = (FundingRate(to_ms(at), Decimal("0.001")),)
    replay = Replay(funding=funding, **FUTURES).run(20_000, 20_000, 20_000, 20_000)
    assert replay.told == told((ENTRY, 20_000), (LEAVE, 20_000))
    # 0.05 BTC at 20,000 are 1,000; 0.1 % of it is paid.
    assert (replay.trades[1].funding, replay.trades[1].realized_pnl) == (Decimal(-1), Decimal(-1))


# Rule 21


@pytest.mark.rule(21)
def test_a_pending_exit_is_a_market_order_at_the_next_open(script: Script) -> None:
    script[0], script[2] = LONG, LEAVE_LONG
    replay = Replay(fees=SLIPPING).run(20_000, 20_000, 20_000, (20_100, 20_200, 20_000, 20_150))
    # Both sides slip by 0.1 % against us.
    assert replay.told == told((ENTRY, 20_020), (LEAVE, "20079.9"))


@pytest.mark.rule(21)
def test_a_pending_exit_whose_open_passed_the_stop_has_the_stops_reason(script: Script) -> None:
    script[0], script[2] = LONG, LEAVE_LONG
    replay = Replay().run(20_000, 20_000, 20_000, (19_000, 19_100, 18_900, 19_000))
    assert replay.told == told((ENTRY, 20_000), (STOP, 19_000))


@pytest.mark.rule(21)
def test_a_pending_exit_whose_open_passed_the_take_profit_has_its_reason(script: Script) -> None:
    script[0], script[2] = LONG, LEAVE_LONG
    replay = Replay().run(20_000, 20_000, 20_000, (21_000, 21_000, 21_000, 21_000))
    assert replay.told == told((ENTRY, 20_000), (TAKE, 20_800))


# Rule 22


@pytest.mark.rule(22)
def test_an_entry_fills_at_the_next_open_and_its_levels_come_from_the_fill(script: Script) -> None:
    script[0] = LONG
    replay = Replay(fees=SLIPPING).run(20_000, (20_200, 20_300, 20_100, 20_200))
    assert replay.told == told((ENTRY, "20220.2"))
    position = replay.state.memory.position
    assert position is not None
    assert (position.stop_loss_price, position.take_profit_price) == (Decimal("19815.8"), Decimal("21029.00"))
    # Its size comes from the deciding close: 1,000 / 20,000.
    assert replay.trades[0].quantity == Decimal("0.05")


@pytest.mark.rule(22)
def test_exit_and_opposite_entry_of_one_signal_reverse_at_the_same_open(script: Script) -> None:
    script[0], script[2] = LONG, SHORT
    replay = Replay(**{**FUTURES, "position_size_fixed": None, "position_size_perc": Decimal(10)})
    replay.run(20_000, 20_000, 20_000, (20_100, 20_100, 20_100, 20_100))
    assert replay.told == told((ENTRY, 20_000), (LEAVE, 20_100), (ENTRY, 20_100))
    assert [trade.position_side for trade in replay.trades] == ["LONG", "LONG", "SHORT"]
    # The exit came first, so the entry is sized by the balance after it: 10 % of 10,025 at 5x.
    assert replay.trades[2].quantity == Decimal("0.25062")
    assert replay.state.memory.trades_today == 2


@pytest.mark.rule(22)
def test_a_signal_for_the_side_that_is_held_is_ignored(script: Script) -> None:
    script[0] = script[1] = script[2] = LONG
    assert len(Replay().run(20_000, 20_000, 20_000, 20_000).trades) == 1


@pytest.mark.rule(22)
def test_after_a_stop_inside_a_candle_its_entry_signal_counts(script: Script) -> None:
    script[0], script[2] = LONG, LONG
    replay = Replay().run(20_000, 20_000, (20_000, 20_000, 19_500, 19_700), 19_700)
    assert replay.told == told((ENTRY, 20_000), (STOP, 19_600), (ENTRY, 19_700))


def test_an_entry_waits_for_nothing_when_its_day_does_not_allow_it(script: Script) -> None:
    script[0], script[2] = LONG, LONG
    replay = Replay(max_daily_trades=1).run(20_000, 20_000, (20_000, 20_000, 19_500, 19_700), 19_700, 19_700)
    assert replay.told == told((ENTRY, 20_000), (STOP, 19_600))
    assert replay.skipped == ["paused_max_trades"]
    assert replay.state.memory.pending_entry is None


# Rule 23


@pytest.mark.rule(23)
def test_a_stop_inside_the_slippage_sells_at_once(script: Script) -> None:
    script[0] = LONG
    replay = Replay(fees=SLIPPING, stop_loss_perc=Decimal("0.05")).run(20_000, (20_000, 20_500, 20_000, 20_500))
    # Bought at 20,020, so the stop stands at 20,009.99: the open lies below it.
    assert replay.told == told((ENTRY, 20_020), (STOP, 19_980))
    assert replay.trades[1].at_ms == replay.trades[0].at_ms


@pytest.mark.rule(14, 23)
def test_a_stop_in_the_range_fills_at_the_stop_less_slippage(script: Script) -> None:
    script[0] = LONG
    replay = Replay(fees=SLIPPING).run(20_000, (20_000, 20_000, 19_000, 19_900))
    # From 20,020 the stop is 19,619.60; 0.1 % below it is 19,599.9804, down to a tick.
    assert replay.told == told((ENTRY, 20_020), (STOP, "19599.98"))


@pytest.mark.rule(23)
def test_where_a_range_touches_stop_and_take_profit_it_is_the_stop(script: Script) -> None:
    script[0] = LONG
    replay = Replay().run(20_000, (20_000, 21_000, 19_000, 20_000))
    assert replay.told == told((ENTRY, 20_000), (STOP, 19_600))


@pytest.mark.rule(23)
def test_the_stop_is_the_one_known_before_the_candle(script: Script) -> None:
    script[0] = LONG
    trailing: dict[str, Any] = {"trailing_stop_active": True, "trailing_stop_perc": Decimal(1)}
    replay = Replay(**trailing).run(20_000, (20_000, 20_500, 19_900, 20_400))
    # The high alone would have raised the stop to 20,295, above the low of the same candle.
    assert replay.told == told((ENTRY, 20_000))
    assert replay.run((20_400, 20_400, 20_200, 20_300)).told[1:] == told((TRAIL, 20_295))


@pytest.mark.rule(23)
def test_a_liquidation_that_is_nearer_than_the_stop_comes_first(script: Script) -> None:
    script[0] = LONG
    replay = Replay(**{**FUTURES, "leverage": 50}).run(20_000, (20_000, 20_000, 19_500, 19_900))
    # 50x: 20,000 x 0.98 / 0.996 = 19,678.715 lies nearer than the stop at 19,600.
    assert replay.told == told((ENTRY, 20_000), ("liquidation", "19678.72"))


def test_a_liquidation_on_the_stops_own_tick_is_the_stop(script: Script) -> None:
    script[0] = LONG
    settings = {**FUTURES, "leverage": 50, "stop_loss_perc": Decimal("1.6064")}
    replay = Replay(**settings).run(20_000, (20_000, 20_000, 19_500, 19_900))
    assert replay.told == told((ENTRY, 20_000), (STOP, "19678.72"))


def test_a_later_funding_stamp_is_paid_by_a_fresh_entry_too_and_by_none_at_its_own_open(script: Script) -> None:
    script[0] = LONG
    stamps = (START + timedelta(minutes=5), START + timedelta(minutes=7))
    funding = tuple(FundingRate(to_ms(at), Decimal("0.001")) for at in stamps)
    replay = Replay(funding=funding, timeframe="5m", **FUTURES).run(20_000, 20_000)
    # It enters at the stamp of minute 5, and holds over that of minute 7.
    assert replay.state.tally.funding == Decimal(-1)


# Rule 24


@pytest.mark.rule(24)
def test_the_close_gives_the_equity(script: Script) -> None:
    script[0] = LONG
    replay = Replay().run(20_000, (20_000, 20_300, 19_900, 20_200), (20_200, 20_200, 20_100, 20_100))
    assert replay.equity == [Decimal(10_000), Decimal(10_010), Decimal(10_005)]


@pytest.mark.rule(24)
def test_a_day_limit_outranks_a_signal_of_the_same_close(script: Script) -> None:
    script[0], script[1] = LONG, LEAVE_LONG
    replay = Replay(max_daily_loss_perc=Decimal("0.1")).run(20_000, (20_000, 20_000, 19_700, 19_800), 19_800)
    assert replay.told == told((ENTRY, 20_000), ("daily_loss", 19_800))


# Rule 25


@pytest.mark.rule(25)
@pytest.mark.parametrize("next_open", [20_200, 20_400])
def test_a_stop_that_the_close_lies_beyond_sells_at_the_next_open(script: Script, next_open: int) -> None:
    script[0] = LONG
    trailing: dict[str, Any] = {"trailing_stop_active": True, "trailing_stop_perc": Decimal(1)}
    # The high of 20,500 moves the stop to 20,295; the close of 20,250 lies below it already.
    replay = Replay(**trailing).run(20_000, (20_000, 20_500, 19_900, 20_250), next_open)
    assert replay.told == told((ENTRY, 20_000), (TRAIL, next_open))


# Everything above for a short


def test_a_short_mirrors_the_candle(script: Script) -> None:
    script[0] = SHORT
    entry = told((ENTRY, 20_000))
    short = {**FUTURES, "trailing_stop_active": True, "trailing_stop_perc": Decimal(1)}
    assert Replay(**FUTURES).run(20_000, 20_000, 20_500).told == [*entry, *told((STOP, 20_500))]
    assert Replay(**FUTURES).run(20_000, 20_000, 19_000).told == [*entry, *told((TAKE, 19_200))]
    assert Replay(**FUTURES).run(20_000, (20_000, 20_500, 19_000, 20_000)).told == [*entry, *told((STOP, 20_400))]
    assert Replay(**FUTURES).run(20_000, 20_000, 24_000).told == [*entry, *told(("liquidation", "23904.38"))]
    moved = Replay(**short).run(20_000, (20_000, 20_100, 19_500, 19_600), (19_600, 19_800, 19_600, 19_700))
    assert moved.told == [*entry, *told((TRAIL, 19_695))]
