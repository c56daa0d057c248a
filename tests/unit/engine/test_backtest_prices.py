"""Rules 9 to 11 and 13 to 18: what a backtest's fills cost, and where its levels lie."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.unit.engine.desk import LEAVE_LONG, LONG, RULES, SHORT, START
from tests.unit.engine.replay import FUTURES, Replay
from tradebot.domain.market import MarketType
from tradebot.engine.backtest import BacktestSetup, FundingRate, MarginBracket, simulate
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.engine.parameters import DEFAULT_FEES, FeeRates
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from tradebot.strategy.interface import Signals

    Script = dict[int, Signals]

BASE_TIER = DEFAULT_FEES[MarketType.SPOT]
FUTURES_TIER = DEFAULT_FEES[MarketType.FUTURES]


# Rules 8 to 11


@pytest.mark.rule(10)
def test_dust_of_one_round_trip_is_sold_with_a_later_one(script: Script) -> None:
    for number in range(0, 40, 4):
        script[number], script[number + 2] = LONG, LEAVE_LONG
    rules = replace(RULES, step_size=Decimal("0.0001"))
    replay = Replay(fees=BASE_TIER, rules=rules).run(*[20_000] * 44)
    sold = {trade.quantity for trade in replay.trades if trade.leg == "exit"}
    # 0.05 are bought, 0.00005 of it is the commission: 0.0499 can be sold, and 0.00005 stay until they make a lot.
    assert sold == {Decimal("0.0499"), Decimal("0.0500")}
    bought = sum(trade.quantity - trade.commission for trade in replay.trades if trade.leg == "entry")
    assert replay.state.memory.dust == bought - sum(t.quantity for t in replay.trades if t.leg == "exit")
    assert 0 <= replay.state.memory.dust < rules.step_size


@pytest.mark.rule(9)
def test_an_entry_that_is_too_small_for_its_stop_is_skipped_with_its_reason(script: Script) -> None:
    script[0] = LONG
    assert Replay(position_size_fixed=Decimal("10.2")).run(20_000, 20_000).skipped == ["below_min_notional"]
    assert Replay(position_size_fixed=Decimal("0.1")).run(20_000, 20_000).skipped == ["below_min_qty"]


@pytest.mark.rule(11)
def test_realized_pnl_is_the_price_difference_less_both_fees_plus_funding(script: Script) -> None:
    script[0], script[9] = LONG, LEAVE_LONG
    funding = (FundingRate(to_ms(START + timedelta(minutes=5)), Decimal("0.0001"), Decimal("20010.5")),)
    replay = Replay(fees=FUTURES_TIER, funding=funding, **FUTURES).run(*[20_000] * 10, 20_100)
    entry, leave = replay.trades
    # 0.05 bought at 20,004 (0.50010 fee) and sold at 20,095.98 (0.50239950); 0.05 x 20,010.5 x 0.0001 was paid.
    assert (entry.price, leave.price) == (Decimal(20_004), Decimal("20095.98"))
    assert (entry.fee, leave.fee, leave.funding) == (Decimal("0.5001"), Decimal("0.50239950"), Decimal("-0.1000525"))
    assert leave.realized_pnl == Decimal("0.05") * Decimal("91.98") - entry.fee - leave.fee + leave.funding
    assert replay.state.memory.balance == 10_000 + leave.realized_pnl


# Rule 13


@pytest.mark.rule(13)
def test_prices_finer_than_the_tick_keep_their_precision_and_fills_lie_on_the_tick(script: Script) -> None:
    script[0] = LONG
    replay = Replay(fees=BASE_TIER, rules=replace(RULES, tick_size=Decimal("0.5"))).run(20_000, "20000.13", "20000.37")
    position = replay.state.memory.position
    assert position is not None
    assert replay.trades[0].price == Decimal("20004.5")
    assert [level % Decimal("0.5") for level in (position.stop_loss_price, position.take_profit_price)] == [0, 0]
    assert replay.state.memory.last_close == Decimal("20000.37")


def test_candles_finer_than_the_setup_are_refused(script: Script) -> None:
    setup = Replay().setup
    candles = CandleArray(setup.parameters.timeframe, 3)
    with pytest.raises(InvalidInputError):
        simulate(setup, candles)


# Rule 14


@pytest.mark.rule(14)
def test_market_fills_slip_against_us_to_the_tick_and_pay_the_taker_fee(script: Script) -> None:
    script[0], script[2] = SHORT, LONG
    replay = Replay(fees=FUTURES_TIER, **FUTURES).run(20_000, "20000.01", 20_000, "20000.01")
    short, cover, long = replay.trades
    assert short.price == Decimal("19996.00")  # 19,996.009998, down
    assert cover.price == long.price == Decimal("20004.02")  # 20,004.010002, up
    assert cover.fee == (cover.quote * Decimal("0.0005")).quantize(Decimal("1e-8"))


@pytest.mark.rule(14)
def test_a_take_profit_fills_at_its_own_price_and_pays_the_maker_fee(script: Script) -> None:
    script[0] = LONG
    replay = Replay(fees=FUTURES_TIER, **FUTURES).run(20_000, 20_000, (20_000, 21_000, 20_000, 20_500))
    leave = replay.trades[1]
    # Bought at 20,004; 4 % above, down to the tick.
    assert (leave.price, leave.order_type) == (Decimal("20804.16"), "LIMIT")
    assert leave.fee == Decimal("0.05") * leave.price * Decimal("0.0002")


def test_a_stop_pays_the_taker_fee(script: Script) -> None:
    script[0] = LONG
    leave = Replay(fees=FUTURES_TIER, **FUTURES).run(20_000, 20_000, (20_000, 20_000, 19_000, 19_500)).trades[1]
    assert (leave.order_type, leave.fee) == ("MARKET", Decimal("0.05") * leave.price * Decimal("0.0005"))


# Rule 15


@pytest.mark.rule(15)
def test_the_defaults_are_the_base_tier_and_two_basis_points_of_slippage() -> None:
    assert FeeRates(maker_ppm=1_000, taker_ppm=1_000, slippage_ppm=200) == BASE_TIER
    assert FeeRates(maker_ppm=200, taker_ppm=500, slippage_ppm=200) == FUTURES_TIER


# Rule 16


@pytest.mark.rule(16)
def test_the_trailing_stop_follows_the_extreme_and_never_goes_back(script: Script) -> None:
    script[0] = LONG
    replay = Replay(trailing_stop_active=True, trailing_stop_perc=Decimal(1))
    stops = []
    for bar in (20_000, 20_000, (20_000, 20_150, 19_990, 20_100), (20_100, 20_120, 20_000, 20_050)):
        position = replay.run(bar).state.memory.position
        stops.append(position and (position.extreme_price, position.stop))
    assert stops[1:] == [
        (Decimal(20_000), (Decimal(19_800), "trailing_stop")),
        (Decimal(20_150), (Decimal("19948.5"), "trailing_stop")),
        (Decimal(20_150), (Decimal("19948.5"), "trailing_stop")),
    ]


@pytest.mark.rule(16)
def test_where_both_stops_stand_on_one_tick_it_is_the_stop_loss(script: Script) -> None:
    script[0] = LONG
    replay = Replay(trailing_stop_active=True, trailing_stop_perc=Decimal(2)).run(
        20_000, (20_000, 20_000, 19_000, 19_900)
    )
    assert [trade.reason for trade in replay.trades] == ["entry_signal", "stop_loss"]


# Rule 17


@pytest.mark.rule(17)
def test_a_liquidation_costs_the_whole_margin_and_the_entrys_fee(script: Script) -> None:
    script[0] = LONG
    replay = Replay(fees=FUTURES_TIER, **FUTURES).run(20_000, 20_000, 15_000)
    entry, leave = replay.trades
    # 1,000.2 of notional on 200.04 of margin; 20,004 x 0.8 / 0.996, up to the tick.
    assert (leave.reason, leave.price, leave.fee) == ("liquidation", Decimal("16067.47"), Decimal(0))
    assert leave.realized_pnl == -Decimal("200.04") - entry.fee
    assert replay.state.memory.balance == 10_000 + leave.realized_pnl


def test_funding_moves_the_liquidation_and_is_part_of_the_margin_that_is_lost(script: Script) -> None:
    script[0] = LONG
    funding = (FundingRate(to_ms(START + timedelta(minutes=2)), Decimal("0.01")),)
    replay = Replay(funding=funding, **FUTURES).run(20_000, 20_000, (20_000, 20_000, 19_700, 19_800), 15_000)
    leave = replay.trades[1]
    # Ten were paid, so 190 are left behind 1,000 of notional: (1,000 - 190) / (0.05 x 0.996).
    assert (leave.price, leave.funding, leave.realized_pnl) == (Decimal("16265.07"), Decimal(-10), Decimal(-200))
    assert replay.state.memory.balance == 9_800


@pytest.mark.rule(17)
def test_the_brackets_rate_and_amount_move_the_liquidation(script: Script) -> None:
    script[0] = SHORT
    bracket = MarginBracket(maintenance_ppm=10_000, maintenance_amount=Decimal(5))
    leave = Replay(bracket=bracket, **FUTURES).run(20_000, 20_000, 24_000).trades[1]
    assert leave.price == Decimal("23861.38")  # (1,000 + 200 + 5) / (0.05 x 1.01), down


@pytest.mark.rule(17)
def test_a_notional_beyond_the_bracket_is_refused(script: Script) -> None:
    script[0] = LONG
    replay = Replay(bracket=MarginBracket(notional_cap=Decimal(999)), **FUTURES).run(20_000, 20_000)
    assert replay.skipped == ["beyond_bracket"]
    assert len(replay.trades) == 0


# Rule 18


@pytest.mark.rule(18)
@pytest.mark.parametrize(("signal", "paid"), [(LONG, -1), (SHORT, 1)])
def test_a_positive_rate_makes_longs_pay_and_shorts_receive(script: Script, signal: Signals, paid: int) -> None:
    script[0] = signal
    funding = (FundingRate(to_ms(START + timedelta(minutes=3)), Decimal("0.001"), Decimal(20_000)),)
    replay = Replay(funding=funding, **FUTURES).run(20_000, 20_000, 20_000, 20_123)
    assert replay.state.tally.funding == paid
    assert (replay.state.tally.funding_known, replay.state.tally.funding_assumed) == (1, 0)


@pytest.mark.rule(18)
def test_without_history_a_hundredth_of_a_percent_is_assumed_at_00_08_and_16_and_told(script: Script) -> None:
    script[0] = LONG
    begin = datetime(2023, 3, 13, 6, 0, tzinfo=UTC)
    replay = Replay(timeframe="1h", begin=begin, **FUTURES).run(*[20_000] * 20)
    # Held from 07:00: 08:00, 16:00 and 00:00 cost 0.1 each.
    assert (replay.state.tally.funding, replay.state.tally.funding_assumed) == (Decimal("-0.3"), 3)


def test_around_a_history_that_ends_the_assumption_goes_on(script: Script) -> None:
    script[0] = LONG
    begin = datetime(2023, 3, 13, 6, 0, tzinfo=UTC)
    known = (FundingRate(to_ms(datetime(2023, 3, 13, 8, 0, 0, 3000, tzinfo=UTC)), Decimal("0.0002")),)
    replay = Replay(timeframe="1h", begin=begin, funding=known, **FUTURES).run(*[20_000] * 20)
    assert (replay.state.tally.funding_known, replay.state.tally.funding_assumed) == (1, 2)
    assert replay.state.tally.funding == Decimal("-0.4")


@pytest.mark.rule(18)
def test_an_entry_at_the_stamp_pays_nothing(script: Script) -> None:
    script[0], script[1] = LONG, LEAVE_LONG
    funding = (FundingRate(to_ms(START + timedelta(minutes=1)), Decimal("0.001")),)
    replay = Replay(funding=funding, **FUTURES).run(20_000, 20_000, 20_000)
    assert len(replay.trades) == 2
    assert replay.state.tally.funding == 0


def test_funding_is_rounded_against_us(script: Script) -> None:
    for signal, expected in ((LONG, "-0.00000001"), (SHORT, "0")):
        script[0] = signal
        funding = (FundingRate(to_ms(START + timedelta(minutes=2)), Decimal("0.00000001"), Decimal(3)),)
        replay = Replay(funding=funding, **FUTURES).run(20_000, 20_000, 20_000)
        assert replay.state.tally.funding == Decimal(expected)


def test_a_backtest_needs_a_capital() -> None:
    with pytest.raises(InvalidInputError):
        BacktestSetup(Replay().setup.parameters, RULES, Decimal(0), 2)
