"""Finding and loading the compiled loop, and what happens where it is missing, stale or asked too much."""

from __future__ import annotations

import ctypes
import dataclasses
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.build.kernel import SOURCES, compile_kernel, library_name, machine, source_digest
from tests.unit.kernel.cases import floats, random_case
from tradebot.domain.timeframe import Timeframe
from tradebot.engine import backtest
from tradebot.engine.candles import CandleArray
from tradebot.engine.kernel import library, loop, run
from tradebot.engine.kernel.blocks import BLOCKS
from tradebot.engine.kernel.setup_block import STRATEGIES
from tradebot.engine.kernel.state_block import state_block
from tradebot.engine.simulate import simulate
from tradebot.errors import InvalidInputError
from tradebot.strategy.ema import EmaStrategy
from tradebot.strategy.registry import get_strategy
from tradebot.strategy.simple import SimpleStrategy

if TYPE_CHECKING:
    from tests.unit.kernel.cases import Case

needs_kernel = pytest.mark.skipif(library.kernel() is None, reason="no compiled engine here: `make install` makes it")
CASE = random_case(11)


@needs_kernel
def test_the_library_in_place_is_made_from_the_sources_beside_it() -> None:
    loaded = library.kernel()
    assert loaded is not None
    assert library.source_digest(loaded) == source_digest(), "stale: `make install` compiles it anew"
    assert Path(library.library_path()) == SOURCES / library_name(machine())


def test_an_absent_or_broken_library_is_no_library(tmp_path: Path) -> None:
    assert library.load_from(str(tmp_path / "absent.so")) is None
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"\x7fELF and nothing more")
    assert library.load_from(str(broken)) is None


@needs_kernel
@pytest.mark.parametrize(("abi", "size"), [("999", "sizes[block]"), (str(library.ABI), "8")], ids=["version", "layout"])
def test_a_library_of_another_border_is_not_used(abi: str, size: str, tmp_path: Path) -> None:
    sizes = ", ".join(str(ctypes.sizeof(block)) for block in BLOCKS)
    (tmp_path / "other.c").write_text(
        '#define EXPORT __attribute__((visibility("default")))\n'
        f"EXPORT long tradebot_kernel_abi(void) {{ return {abi}; }}\n"
        f"EXPORT long tradebot_kernel_size(long block) {{ long sizes[] = {{{sizes}}}; (void)sizes; (void)block;"
        f" return {size}; }}\n"
    )
    made = compile_kernel(machine(), tmp_path, sources=tmp_path)
    assert library.load_from(str(made)) is None


def test_without_a_kernel_the_plain_engine_serves_equally(monkeypatch: pytest.MonkeyPatch) -> None:
    with_kernel = simulate(CASE.setup, CASE.candles)
    monkeypatch.setattr(run, "kernel", lambda: None)
    assert run.simulate_compiled(CASE.setup, CASE.candles) is None
    assert simulate(CASE.setup, CASE.candles) == with_kernel


@pytest.mark.parametrize("name", ["simple", "ema", "custom"])
def test_every_strategy_of_today_is_known_to_the_kernel(name: str) -> None:
    assert type(get_strategy(name)) in STRATEGIES


@needs_kernel
@pytest.mark.parametrize("strategy", [SimpleStrategy, EmaStrategy])
@pytest.mark.parametrize("seed", range(20))
def test_indicators_and_signals_are_the_strategies_own_to_the_bit(
    strategy: type[SimpleStrategy | EmaStrategy], seed: int
) -> None:
    case = with_strategy(random_case(seed), strategy.name)
    closes = floats(case.candles)
    start = backtest.BacktestState.start(case.setup)
    after, codes = strategy().run(start.memory.indicators, case.setup.parameters.indicators, closes)
    block = state_block(case.setup, start, case.setup.units)
    said = (ctypes.c_uint8 * len(closes))()
    loaded = library.kernel()
    assert loaded is not None
    loaded.tradebot_kernel_signals(
        ctypes.byref(block.indicators),
        ctypes.c_void_p(case.candles.close.buffer_info()[0]),
        ctypes.c_int64(10**case.candles.price_decimals),
        ctypes.c_int64(len(closes)),
        said,
    )
    assert list(said) == list(codes)
    # Fed as the state after: equal bits, for NaN and -0.0 would show.
    expected = state_block(
        case.setup,
        dataclasses.replace(start, memory=dataclasses.replace(start.memory, indicators=after)),
        case.setup.units,
    )
    assert bytes(block.indicators) == bytes(expected.indicators)


def with_strategy(case: Case, name: str) -> Case:
    parameters = dataclasses.replace(case.setup.parameters, strategy=name)
    return dataclasses.replace(case, setup=dataclasses.replace(case.setup, parameters=parameters))


class Fourth(EmaStrategy):
    """A strategy that C knows nothing of."""

    @cached_property
    def nothing(self) -> None:
        """Differ from its parent."""


def test_a_strategy_that_the_kernel_does_not_know_is_served_by_the_plain_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = with_strategy(CASE, "ema")
    monkeypatch.setattr("tradebot.engine.kernel.setup_block.get_strategy", lambda _: Fourth())
    assert run.simulate_compiled(case.setup, case.candles) is None
    assert simulate(case.setup, case.candles) == backtest.simulate(case.setup, case.candles)


def test_what_the_plain_engine_refuses_is_refused_in_its_words() -> None:
    part = CASE.candles[:5]
    swapped = CandleArray(part.timeframe, part.price_decimals, *(column[::-1] for column in columns_of(part)))
    setup = dataclasses.replace(CASE.setup, warm_up=0)
    with pytest.raises(InvalidInputError, match="before its predecessor"):
        simulate(setup, swapped)
    with pytest.raises(InvalidInputError, match="the candles are of"):
        simulate(setup, CandleArray(other_timeframe(part.timeframe), part.price_decimals))


def columns_of(candles: CandleArray) -> tuple[Any, ...]:
    names = ("open_time_ms", "open", "high", "low", "close", "volume")
    return tuple(getattr(candles, name) for name in names)


def other_timeframe(timeframe: Timeframe) -> Timeframe:
    return Timeframe.H2 if timeframe is not Timeframe.H2 else Timeframe.M1


def test_amounts_beyond_64_bits_are_left_to_the_plain_engine() -> None:
    huge = dataclasses.replace(CASE.setup, initial_capital=Decimal("1e30"))
    assert run.simulate_compiled(huge, CASE.candles) is None


def test_an_amount_finer_than_its_unit_is_left_to_the_plain_engine() -> None:
    fine = dataclasses.replace(CASE.setup, initial_capital=Decimal("1000.12345678901234"))
    assert run.simulate_compiled(fine, CASE.candles) is None


@needs_kernel
def test_a_run_that_outgrows_its_tables_goes_on_after_they_are_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = [random_case(seed, count=5_000) for seed in range(40, 46)]
    expected = [backtest.simulate(case.setup, case.candles) for case in cases]
    assert sum(len(output.trades) > 100 for _, output in expected) > 1, "too few trades to outgrow anything"
    monkeypatch.setattr(loop.Tables, "_waiting", [])
    monkeypatch.setattr(loop, "TRADE_ROWS", 3 * 1_024)
    monkeypatch.setattr(loop, "OTHER_ROWS", 2 * 1_024)
    assert [run.simulate_compiled(case.setup, case.candles) for case in cases] == expected
