"""Longer candles out of shorter ones, and the series that are drawn."""

from __future__ import annotations

import argparse
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.cli.market import minutes as minutes_csv
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import CandleArray, from_ms, to_ms
from tradebot.report.axis import time_ticks, value_ticks
from tradebot.report.distribution import distribution_of
from tradebot.report.picture import COLUMNS, picture_of
from tradebot.report.stops import StopLines
from tradebot_cli.backtest_setup import plan_of, setup_of
from tradebot_cli.candle_file import read_candles
from tradebot_cli.errors import CommandError
from tradebot_cli.options import add_arguments
from tradebot_cli.resample import resample
from tradebot_cli.simulation import run

if TYPE_CHECKING:
    from pathlib import Path

    from tradebot.report.result import Result

MINUTE_MS = 60_000
START = to_ms(datetime(2023, 12, 30, 21, 7, tzinfo=UTC))  # a Saturday, two days before a week, a month and a year


@st.composite
def minutes(draw: st.DrawFn) -> CandleArray:
    """Return minutes with holes, anywhere in three days."""
    made, at = CandleArray(Timeframe.M1, 2), START
    for _ in range(draw(st.integers(1, 60))):
        at += draw(st.sampled_from([1, 1, 1, 2, 7, 61, 700])) * MINUTE_MS
        low, first, last, high = sorted(draw(st.integers(1_000, 2_000)) for _ in range(4))
        made.append(at, (last, high, low, first) if draw(st.booleans()) else (first, high, low, last), 1.5)
    return made


@given(minutes(), st.sampled_from(["1m", "3m", "5m", "15m", "1h", "4h", "1d", "3d", "1w", "1M"]).map(Timeframe))
def test_a_longer_candle_is_made_of_the_shorter_ones_within_it(candles: CandleArray, timeframe: Timeframe) -> None:
    by_open = defaultdict(list)
    for candle in candles:
        by_open[timeframe.floor(candle.open_time)].append(candle)
    first, end = from_ms(candles.open_time_ms[0]), from_ms(candles.close_time_ms(len(candles) - 1))
    expected = [
        (to_ms(at), part[0].open, max(c.high for c in part), min(c.low for c in part), part[-1].close)
        for at, part in by_open.items()
        if at >= first and timeframe.close_of(at) <= end
    ]
    joined = resample(candles, timeframe)
    assert [(to_ms(c.open_time), c.open, c.high, c.low, c.close) for c in joined] == expected


@pytest.mark.parametrize(("source", "target"), [("5m", "3m"), ("5m", "1m"), ("3d", "1w"), ("1w", "1M"), ("1M", "1d")])
def test_candles_that_do_not_divide_a_longer_one_are_refused(source: str, target: str) -> None:
    with pytest.raises(CommandError, match=f"candles of {source} cannot be joined into candles of {target}"):
        resample(CandleArray(Timeframe(source), 2), Timeframe(target))


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(3, 12))
def test_an_axis_has_a_few_round_values_within_its_range(low: float, span: float, most: int) -> None:
    high = low + span
    ticks = value_ticks(low, high, most)
    assert 1 <= len(ticks) <= most
    tolerance = span * 1e-6 + abs(low) * 1e-9
    assert all(low - tolerance <= tick <= high + tolerance for tick in ticks)


@given(st.integers(0, 2_000_000_000_000), st.integers(MINUTE_MS, 400_000_000_000), st.integers(4, 12))
def test_a_time_axis_has_a_few_times_in_order_within_its_range(start: int, span: int, most: int) -> None:
    ticks = time_ticks(start, start + span, most)
    times = [at for at, _ in ticks]
    assert len(ticks) <= most + 1
    assert times == sorted(set(times))
    assert all(start <= at <= start + span for at in times)


def test_a_year_is_labelled_by_its_months() -> None:
    start, end = to_ms(datetime(2023, 1, 1, tzinfo=UTC)), to_ms(datetime(2024, 1, 1, tzinfo=UTC))
    assert [label for _, label in time_ticks(start, end, 8)][:3] == ["Jan 2023", "Mar 2023", "May 2023"]


def simulated(tmp_path: Path, *more: str) -> tuple[CandleArray, Result]:
    path = tmp_path / "BTCUSDT-1m.csv"
    path.write_text("\n".join(minutes_csv(4_000)))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = parser.parse_args([str(path), "--strategy", "ema", "--position-size-perc", "20", *more])
    candles = read_candles(options.candles).candles
    result = run(setup_of(options, plan_of(options, "1m"), candles)[0], candles, lambda _done: None)
    return candles[result.output.warm_up :], result


def test_a_thinned_series_keeps_its_extremes_and_its_end_however_the_candles_are_cut(tmp_path: Path) -> None:
    candles, result = simulated(tmp_path, "--trailing-stop", "--trailing-stop-perc", "0.3")
    whole = picture_of(result.setup, result.output, [candles])
    assert len(whole.price.at_ms) == COLUMNS
    assert whole.price.at_ms == sorted(set(whole.price.at_ms))
    assert whole.price.at_ms[-1] == candles.close_time_ms(len(candles) - 1)
    unit = 10.0**candles.price_decimals
    assert (min(whole.price.low), max(whole.price.high)) == (min(candles.low) / unit, max(candles.high) / unit)
    money = 10.0**result.setup.units.money_decimals
    equity = [value / money for value in result.output.equity]
    assert (min(whole.equity.low), max(whole.equity.high)) == (min(equity), max(equity))
    assert whole.equity.last[-1] == equity[-1]
    depth = result.report.max_drawdown
    assert depth is not None
    assert -min(whole.drawdown.low) == pytest.approx(depth.depth, rel=1e-9)
    for size in (1, 7, 997):
        parts = [candles[begin : begin + size] for begin in range(0, len(candles), size)]
        assert picture_of(result.setup, result.output, parts) == whole


def test_every_round_trip_is_in_the_distribution_once(tmp_path: Path) -> None:
    _, result = simulated(tmp_path)
    spread = distribution_of(result)
    assert spread is not None
    assert sum(spread.counts) == result.report.total_trades
    assert 0.0 in [round(bound, 9) for bound in spread.bounds]
    wins = sum(count for begin, count in zip(spread.bounds, spread.counts, strict=False) if begin >= 0)
    assert wins == result.report.total_trades - result.report.losing_trades


@pytest.mark.parametrize("trailing", [True, False])
@pytest.mark.parametrize("market", ["spot", "futures"])
def test_the_stop_that_is_drawn_is_the_one_that_was_hit(market: str, trailing: bool, tmp_path: Path) -> None:
    """A stop fills at its level less slippage, or at the open of a candle that begins beyond it."""
    arguments = ["--market", market, "--leverage", "2", "--slippage-bps", "0"]
    arguments += ["--stop-loss-perc", "0.4" if trailing else "0.12"]
    candles, result = simulated(
        tmp_path, *arguments, *(["--trailing-stop", "--trailing-stop-perc", "0.3"] if trailing else [])
    )
    stops = StopLines(result.setup, result.output.trades)
    stops.add(candles)
    exits = [trade for trade in result.output.trades if trade.leg == "exit"]
    opens = dict(zip(candles.open_time_ms, candles.open, strict=True))
    tick, stopped = float(result.setup.rules.tick_size), 0
    for trade, line in zip(exits, stops.lines(), strict=False):
        if trade.reason not in {"stop_loss", "trailing_stop"}:
            continue
        stopped += 1
        assert trade.reason == ("stop_loss" if not trailing else "trailing_stop")
        filled, level = float(trade.price), line.level[-1]
        gapped = abs(filled - opens[trade.candle_ms] / 100) <= tick
        assert gapped or abs(filled - level) < 1e-9, (trade, level)
    assert stopped > 5
