"""What a new process loads before its first backtest: every module of it is time that a cold function waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tradebot.engine.kernel.library import kernel

ROOT = Path(__file__).parents[3]
#: The plain engine, what only ticks of a bot need, and what of the standard library is slow to load.
UNNEEDED = {
    "tradebot.engine.backtest",
    "tradebot.engine.backtest_run",
    "tradebot.engine.candle_step",
    "tradebot.engine.decision",
    "tradebot.engine.funding_times",
    "tradebot.engine.ledger",
    "tradebot.engine.levels",
    "tradebot.engine.sizing",
    "tradebot.engine.statistics",
    "tradebot.engine.tick",
    "hashlib",
    "json",
    "pkgutil",
    "statistics",
}
PROGRAM = """
import sys
before = set(sys.modules)
from tests.bench.engine_candles import generate
from tests.bench.engine_setup import bench_setup
from tradebot.engine.simulate import simulate
state, output = simulate(bench_setup(), generate(20_000))
assert output.trades
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.skipif(kernel() is None, reason="no compiled engine on this machine: `make install` makes it")
def test_a_compiled_backtest_loads_nothing_that_it_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "tradebot.engine.kernel.run" in loaded
    assert not loaded & UNNEEDED
