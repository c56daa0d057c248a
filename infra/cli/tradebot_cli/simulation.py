"""Running the engine over the candles, chunk by chunk, so that there is something to see on the way."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from tradebot.engine.backtest import BacktestOutput
from tradebot.engine.candles import from_ms, to_ms
from tradebot.engine.simulate import simulate
from tradebot.engine.statistics.report import report_of, start_curve
from tradebot.report.result import Result
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tradebot.engine.backtest import BacktestSetup, BacktestState
    from tradebot.engine.candles import CandleArray

CHUNK_CANDLES: Final = 10_000


def run(setup: BacktestSetup, candles: CandleArray, progress: Callable[[int], None]) -> Result:
    """Simulate; `progress` is told the number of candles done so far."""
    curve, joined = start_curve(setup), BacktestOutput(setup.units)
    state: BacktestState | None = None
    for start in range(0, len(candles), CHUNK_CANDLES):
        chunk = candles[start : start + CHUNK_CANDLES]
        state, output = simulate(setup, chunk, state)
        curve.add(chunk.open_time_ms[output.warm_up :], output.equity)
        joined.extend(output)
        progress(start + len(chunk))
    assert state is not None
    return Result(setup, joined, state, report_of(setup, state, curve, joined))


def period_of(candles: CandleArray, start_at: datetime | None, end_at: datetime | None, warm_up: int) -> CandleArray:
    """Return the candles that are asked for, with `warm_up` before the first that may trade."""
    if not len(candles):
        raise CommandError(ExitCode.CANDLES, f"the file holds no whole candle of {candles.timeframe}")
    times = candles.open_time_ms
    stop = len(candles)
    if end_at is not None:
        while stop and candles.close_time_ms(stop - 1) > to_ms(end_at):
            stop = bisect_right(times, to_ms(end_at)) if times[stop - 1] > to_ms(end_at) else stop - 1
    first = 0 if start_at is None else bisect_left(times, to_ms(start_at)) - warm_up
    if first < 0:
        earliest = f"{from_ms(times[warm_up]):%Y-%m-%d %H:%M}" if warm_up < len(candles) else None
        hint = f"start at {earliest} or later" if earliest else "the file is shorter than that"
        raise CommandError(
            ExitCode.CANDLES,
            f"the indicators need {warm_up:,} candles of {candles.timeframe} before the start, "
            f"and the file has {first + warm_up:,}: {hint}, or give --warm-up",
        )
    if stop - first <= warm_up:
        raise CommandError(
            ExitCode.CANDLES,
            f"nothing is left to trade on: {max(0, stop - first):,} candles of {candles.timeframe} in the period, "
            f"of which the indicators need {warm_up:,} to warm up (--warm-up sets another number)",
        )
    return candles[first:stop]
