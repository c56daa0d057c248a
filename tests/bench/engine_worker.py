"""Our engine as a program of the comparison, by `simulate` and the domain's values: tests/bench/peers/serving.py.

`engine_worker.py candles count [--once] [--search]`; a search runs as many parameter sets at a time as there are cores.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.engine_candles import read
from tests.bench.engine_setup import bench_setup
from tests.bench.peers.serving import SEARCH, serve
from tradebot.engine.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.candles import CandleArray


def result(setup: BacktestSetup, candles: CandleArray) -> tuple[int, float]:
    """Return round trips and final equity of a run into curve, trades and days, which are let go."""
    state, output = simulate(setup, candles)
    assert len(output.days) >= len(candles) // 1_440 - 2
    return state.tally.round_trips, float(setup.units.money(output.equity[-1]))


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    """Return a run over the first `count` candles."""
    candles = read(Path(path), count)
    if "--search" not in sys.argv:
        setup = bench_setup()
        return lambda: result(setup, candles)
    setups = [bench_setup(fast, slow, warm_up=bench_setup().warm_up_candles) for fast, slow in SEARCH]
    # The kernel lets other threads run.
    threads = ThreadPoolExecutor(os.cpu_count())

    def search() -> tuple[int, float]:
        results = list(threads.map(lambda setup: result(setup, candles), setups))
        return sum(one[0] for one in results), sum(one[1] for one in results)

    return search


if __name__ == "__main__":
    serve(prepare)
