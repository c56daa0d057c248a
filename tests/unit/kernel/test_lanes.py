"""Indicators over stretches long enough for lanes: the strategies' own bits, forgotten guesses or not."""

from __future__ import annotations

import ctypes
import dataclasses
import random
from array import array
from typing import TYPE_CHECKING

import pytest

from tests.bench.engine_setup import bench_setup
from tests.unit.kernel.cases import random_case
from tradebot.engine import backtest
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.run import simulate_compiled
from tradebot.engine.kernel.state_block import state_block
from tradebot.strategy.ema import EmaStrategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.engine.backtest_state import BacktestState

pytestmark = pytest.mark.skipif(kernel() is None, reason="no compiled engine on this machine: `make install` makes it")
COUNT = 20_000
#: EMA 9/21 and RSI 14: four lanes, each of at least 50 x 14 closes.
LEAST = 4 * 50 * 14


def walk(count: int, seed: int = 3) -> list[int]:
    """Return closes that rise and fall."""
    dice, price, closes = random.Random(seed), 2_000_000, []
    for _ in range(count):
        price = max(1_000, price + round(price * dice.gauss(0, 0.002)))
        closes.append(price)
    return closes


def still(count: int) -> list[int]:
    """Return closes that stop moving: gains and losses shrink for ever, and no two guesses shrink to the same."""
    moving = walk(count // 4)
    return [*moving, *[moving[-1]] * (count - len(moving))]


def rising(count: int) -> list[int]:
    """Return closes that never fall."""
    return [2_000_000 + 7 * number * number % 1_000 + 1_000 * number for number in range(count)]


def after(state: BacktestState, closes: Sequence[int], cuts: Sequence[int]) -> tuple[bytes, list[int]]:
    """Return the kernel's indicators and signals after the closes, fed in parts."""
    setup, loaded = bench_setup(), kernel()
    assert loaded is not None
    block = state_block(setup, state, setup.units)
    codes: list[int] = []
    for begin, end in zip((0, *cuts), (*cuts, len(closes)), strict=True):
        part = array("q", closes[begin:end])
        said = (ctypes.c_uint8 * len(part))()
        loaded.tradebot_kernel_signals(
            ctypes.byref(block.indicators),
            ctypes.c_void_p(part.buffer_info()[0]),
            ctypes.c_int64(100),
            ctypes.c_int64(len(part)),
            said,
        )
        codes += said
    return bytes(block.indicators), codes


@pytest.mark.rule("exactness")
@pytest.mark.parametrize("cuts", [(), (LEAST - 1, 2 * LEAST - 1, 3 * LEAST), (1, 9_999)], ids=str)
@pytest.mark.parametrize("closes", [walk(COUNT), still(COUNT), rising(COUNT)], ids=["moving", "still", "rising"])
def test_a_long_stretch_of_closes_gives_the_strategys_own_bits(closes: list[int], cuts: tuple[int, ...]) -> None:
    setup = bench_setup()
    start = backtest.BacktestState.start(setup)
    now, expected = EmaStrategy().run(
        start.memory.indicators, setup.parameters.indicators, [close / 100 for close in closes]
    )
    ended = dataclasses.replace(start, memory=dataclasses.replace(start.memory, indicators=now))
    block = state_block(setup, ended, setup.units)
    indicators, codes = after(start, closes, cuts)
    assert codes == list(expected)
    assert indicators == bytes(block.indicators)


@pytest.mark.parametrize("seed", [1, 4, 7, 11, 12])
def test_a_backtest_longer_than_the_signals_that_are_known_at_once_gives_the_plain_engines_bytes(seed: int) -> None:
    case = random_case(seed, count=27_000)
    parameters = dataclasses.replace(case.setup.parameters, strategy="ema")
    setup = dataclasses.replace(case.setup, parameters=parameters)
    compiled, plain = simulate_compiled(setup, case.candles), backtest.simulate(setup, case.candles)
    assert compiled is not None
    assert compiled[0].to_bytes() == plain[0].to_bytes()
    assert compiled[1] == plain[1]
