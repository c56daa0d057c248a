"""The report of a run: rules 37 and 38, figure by figure, over markets written by hand."""

from __future__ import annotations

import json
import random
from array import array
from dataclasses import fields
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import CONFIG, RULES
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest import BacktestOutput, BacktestSetup, TradeColumns, simulate
from tradebot.engine.candles import CandleArray
from tradebot.engine.parameters import FeeRates, resolve_parameters
from tradebot.engine.statistics.report import Report, build_report, report_of, start_curve
from tradebot.engine.statistics.round_trips import expectancy, expectancy_per_loss, profit_factor, read_round_trips
from tradebot.engine.statistics.rounding import ratio, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradebot.engine.backtest import BacktestState

MINUTE_MS = 60_000
START_MS = 1_678_665_600_000  # 2023-03-13 00:00


def setup_with(**changes: Any) -> BacktestSetup:
    fees = FeeRates(maker_ppm=1_000, taker_ppm=1_000, slippage_ppm=200)
    config = SimpleNamespace(
        **{**CONFIG, "ema_fast": 2, "ema_slow": 4, "rsi_period": 2, "rsi_overbought": 99, **changes}
    )
    return BacktestSetup(resolve_parameters(config, fees), RULES, Decimal(10_000), 2, warm_up=4)


def market(closes: Iterable[int]) -> CandleArray:
    """Candles whose open is the close before; closes in cents."""
    made, last = CandleArray(Timeframe.M1, 2), None
    for number, close in enumerate(closes):
        first = close if last is None else last
        made.append(START_MS + number * MINUTE_MS, (first, max(first, close), min(first, close), close), 1.0)
        last = close
    return made


def wave(count: int, height: int = 30_000) -> list[int]:
    """Waves with noise on them, so that some trades win, some lose and some are stopped."""
    noise = random.Random(37)
    return [2_000_000 + height * abs(number % 40 - 20) // 20 + noise.randint(-9_000, 9_000) for number in range(count)]


def ending_in_a_position() -> CandleArray:
    candles = market(wave(411))
    while simulate(setup_with(), candles)[0].memory.position is None:
        candles = candles[: len(candles) - 1]
    return candles


def run(setup: BacktestSetup, candles: CandleArray) -> tuple[BacktestState, BacktestOutput, Report]:
    state, output = simulate(setup, candles)
    return state, output, build_report(setup, state, candles, output)


@pytest.mark.rule(37)
def test_final_capital_is_the_equity_at_the_last_close_and_an_open_position_is_shown_apart() -> None:
    candles = ending_in_a_position()
    state, output, report = run(setup_with(), candles)
    held = report.open_position
    assert held is not None
    assert state.memory.position is not None
    assert report.final_capital == setup_with().units.money(output.equity[-1])
    assert report.final_capital == 10_000 + report.realized_pnl + held.unrealized_pnl - held.entry_fee + held.funding
    assert held.last_price == Decimal(candles.close[-1]) / 100
    assert report.total_trades == len([trade for trade in output.trades if trade.realized_pnl is not None])


@pytest.mark.rule(37)
def test_fees_count_the_open_positions_entry() -> None:
    _, output, report = run(setup_with(), ending_in_a_position())
    assert report.open_position is not None
    assert report.total_fees == sum((trade.fee for trade in output.trades), Decimal(0))
    assert report.total_fees > sum((trade.fee for trade in output.trades[:-1]), Decimal(0))


@pytest.mark.rule(37)
def test_return_win_rate_and_mean_profit_are_fractions_of_what_they_say() -> None:
    _, output, report = run(setup_with(), market(wave(411, 60_000)))
    results = [trade.realized_pnl for trade in output.trades if trade.realized_pnl is not None]
    assert report.total_return == rounded(report.final_capital / 10_000 - 1)
    assert report.winning_trades == sum(result > 0 for result in results) > 0
    assert report.losing_trades == sum(result < 0 for result in results)
    assert report.win_rate == ratio(report.winning_trades, len(results))
    assert report.avg_profit == report.expectancy == rounded(sum(results) / len(results))
    assert report.best_trade == max(results)
    assert report.worst_trade == min(results)


def test_a_market_without_signals_reports_no_trades_and_no_ratios() -> None:
    _, _, report = run(setup_with(), market([2_000_000] * 50))
    assert (report.total_trades, report.entry_signals, report.final_capital) == (0, 0, Decimal(10_000))
    assert report.total_return == 0
    assert report.exposure == 0
    nothing = (
        report.win_rate,
        report.avg_profit,
        report.profit_factor,
        report.expectancy,
        report.expectancy_per_loss,
        report.max_drawdown,
        report.longest_drawdown,
        report.sharpe_ratio,
        report.sortino_ratio,
        report.cagr,
        report.calmar_ratio,
        report.best_trade,
        report.avg_holding_seconds,
        report.open_position,
    )
    assert set(nothing) == {None}


@pytest.mark.rule(38)
def test_exposure_counts_the_candles_with_a_position() -> None:
    _, output, report = run(setup_with(), market(wave(411)))
    held, is_in = 0, False
    by_candle = {trade.candle_ms: trade for trade in output.trades}
    for number in range(4, 411):
        trade = by_candle.get(START_MS + number * MINUTE_MS)
        is_in = is_in if trade is None else trade.leg == "entry"
        held += is_in
    assert report.exposure == ratio(held, 407)


@pytest.mark.rule(38)
def test_buy_and_hold_goes_from_the_first_open_to_the_last_close() -> None:
    candles = market(wave(411))
    _, _, report = run(setup_with(), candles)
    assert report.buy_and_hold_return == ratio(candles.close[-1] - candles.open[4], candles.open[4])


@pytest.mark.rule(38)
def test_entries_that_were_skipped_are_counted_by_their_reason() -> None:
    _, _, report = run(setup_with(max_daily_trades=3), market(wave(411)))
    assert report.entries == 3
    assert report.skipped_entries == {"paused_max_trades": report.entry_signals - 3}
    _, _, poor = run(setup_with(position_size_fixed=Decimal(5)), market(wave(411)))
    assert poor.skipped_entries == {"below_min_notional": poor.entry_signals}


def test_gaps_are_counted() -> None:
    candles = market(wave(200))
    later = market(wave(200))
    later.open_time_ms = array("q", [at + 300 * MINUTE_MS for at in later.open_time_ms])
    _, _, report = run(setup_with(), candles + later)
    assert report.gaps == 1


def test_days_and_months_chain_and_sum_to_the_whole() -> None:
    candles = market(wave(4 * 1_440, 60_000))
    candles.open_time_ms = array("q", [at + 17 * 86_400_000 for at in candles.open_time_ms])  # from 30 March
    _, _, report = run(setup_with(), candles)
    assert [day.period for day in report.days] == ["2023-03-30", "2023-03-31", "2023-04-01", "2023-04-02"]
    assert [month.period for month in report.months] == ["2023-03", "2023-04"]
    for periods in (report.days, report.months):
        assert periods[0].start_equity == 10_000
        assert [one.end_equity for one in periods[:-1]] == [one.start_equity for one in periods[1:]]
        assert periods[-1].end_equity == report.final_capital
        assert sum((one.realized_pnl for one in periods), Decimal(0)) == report.realized_pnl
        assert sum((one.fees for one in periods), Decimal(0)) == report.total_fees
        assert sum(one.entries for one in periods) == report.entries
        assert sum(one.round_trips for one in periods) == report.total_trades
        assert sum(one.wins for one in periods) == report.winning_trades
    assert report.best_day == max(day.total_return or 0.0 for day in report.days)


@pytest.mark.rule(38)
def test_exits_are_counted_by_reason() -> None:
    tight = setup_with(stop_loss_perc=Decimal("0.2"), take_profit_perc=Decimal("0.5"), ema_fast=2, ema_slow=9)
    _, output, report = run(tight, market(wave(811, 60_000)))
    reasons = [trade.reason for trade in output.trades if trade.realized_pnl is not None]
    assert {reason: total.count for reason, total in report.exits_by_reason.items()} == {
        reason: reasons.count(reason) for reason in set(reasons)
    }
    assert len(report.exits_by_reason) > 1
    assert sum((total.realized_pnl for total in report.exits_by_reason.values()), Decimal(0)) == report.realized_pnl


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 411), max_size=4))
def test_a_report_of_chunks_is_the_report_of_the_whole(cuts: list[int]) -> None:
    setup, candles = setup_with(), market(wave(411))
    curve, joined, state = start_curve(setup), BacktestOutput(setup.units), None
    edges = [0, *sorted(cuts), 411]
    for start, stop in pairwise(edges):
        chunk = candles[start:stop]
        state, output = simulate(setup, chunk, state)
        curve.add(chunk.open_time_ms[output.warm_up :], output.equity)
        joined.extend(output)
    assert state is not None
    assert report_of(setup, state, curve, joined) == run(setup, candles)[2]


def test_the_json_form_is_plain_exact_and_complete() -> None:
    _, _, report = run(setup_with(), market(wave(411)))
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert Decimal(data["final_capital"]) == report.final_capital
    assert data["start_at"] == "2023-03-13T00:04:00+00:00"
    assert data["max_drawdown"]["depth"] == (report.max_drawdown.depth if report.max_drawdown else None)
    assert set(data) == set(Report.__dataclass_fields__)


@pytest.mark.rule("exactness")
@pytest.mark.parametrize(
    ("value", "expected"),
    [(1 / 3, 0.3333333333), (123456789.123456, 123456789.1), (-0.0, 0.0), (float("inf"), None), (float("nan"), None)],
)
def test_statistics_are_rounded_to_ten_significant_digits(value: float, expected: float | None) -> None:
    assert rounded(value) == expected


def test_profit_factor_and_expectancy_follow_their_definitions() -> None:
    _, output, report = run(setup_with(), market(wave(411, 60_000)))
    trips = read_round_trips(output.trades)
    assert trips.wins
    assert trips.losses
    mean_win, mean_loss = trips.gross_profit / trips.wins, -trips.gross_loss / trips.losses
    by_rates = trips.wins / trips.count * mean_win - trips.losses / trips.count * mean_loss
    assert float(expectancy(trips) or 0) == pytest.approx(by_rates)
    assert expectancy_per_loss(trips) == pytest.approx(by_rates / mean_loss)
    assert profit_factor(trips) == report.profit_factor == pytest.approx(trips.gross_profit / -trips.gross_loss)


def test_a_round_trip_that_ends_where_it_began_is_neither_won_nor_lost() -> None:
    trades = TradeColumns(setup_with().units)
    for number, realized in enumerate((500, 0, -200)):
        for leg, result in ((0, 0), (1, realized)):
            row = {
                "at_ms": START_MS + (2 * number + leg) * MINUTE_MS,
                "leg": leg,
                "reason": leg,
                "realized_pnl": result,
            }
            for column in fields(TradeColumns)[1:]:
                getattr(trades, column.name).append(row.get(column.name, 1))
    trips = read_round_trips(trades)
    assert (trips.count, trips.wins, trips.losses) == (3, 1, 1)
    assert (trips.gross_profit, trips.gross_loss, trips.best, trips.worst) == (500, -200, 500, -200)
    assert trips.holding_ms == [MINUTE_MS] * 3


@pytest.mark.rule(37)
def test_funding_stands_apart_from_fees() -> None:
    futures = setup_with(position_type="futures", leverage=3)
    _, output, report = run(futures, market(wave(1_200, 2_000_000 // 50)))
    held = report.open_position
    assert report.total_funding != 0
    assert report.funding_assumed > 0
    assert report.total_fees == sum((trade.fee for trade in output.trades), Decimal(0))
    paid = sum((trade.funding for trade in output.trades), Decimal(0))
    assert report.total_funding == paid + (held.funding if held else 0)
    marked = held.unrealized_pnl - held.entry_fee + held.funding if held else 0
    assert report.final_capital == 10_000 + report.realized_pnl + marked
