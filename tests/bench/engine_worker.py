"""Our engine as a program of the comparison: the protocol of tests/bench/peers/serving.py."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.engine_candles import read
from tests.bench.engine_setup import bench_setup
from tests.bench.peers.serving import serve
from tradebot.engine.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    """Return a run over the first `count` candles, into curve, trades and days."""
    candles, setup = read(Path(path)), bench_setup()
    if count < len(candles):
        candles = candles[:count]

    def run() -> tuple[int, float]:
        state, output = simulate(setup, candles)
        assert len(output.days) >= count // 1_440 - 2
        return state.tally.round_trips, float(setup.units.money(output.equity[-1]))

    return run


if __name__ == "__main__":
    serve(prepare)
