"""The compiled loop against the plain one: the same bytes of state, trades, equity, days, skips and gaps."""

from __future__ import annotations

import itertools
import os
from dataclasses import fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.kernel.cases import Case, random_case
from tradebot.domain.market import MarketType
from tradebot.engine import backtest
from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.run import simulate_compiled

if TYPE_CHECKING:
    from tradebot.engine.candles import CandleArray

#: `make fuzz-engine` raises it.
EXAMPLES = int(os.environ.get("TRADEBOT_KERNEL_EXAMPLES", "150"))
bounded = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])

pytestmark = pytest.mark.skipif(kernel() is None, reason="no compiled engine on this machine: `make install` makes it")


def compiled(
    case: Case, candles: CandleArray | None = None, state: BacktestState | None = None
) -> tuple[BacktestState, BacktestOutput]:
    answer = simulate_compiled(case.setup, case.candles if candles is None else candles, state)
    assert answer is not None, "the kernel declined"
    return answer


def assert_equal(ours: tuple[BacktestState, BacktestOutput], theirs: tuple[BacktestState, BacktestOutput]) -> None:
    assert ours[0].to_bytes() == theirs[0].to_bytes()
    for column in fields(BacktestOutput):
        assert getattr(ours[1], column.name) == getattr(theirs[1], column.name), column.name


@bounded
@given(seed=st.integers(0, 2**32))
def test_compiled_and_plain_give_the_same_bytes(seed: int) -> None:
    case = random_case(seed)
    assert_equal(compiled(case), backtest.simulate(case.setup, case.candles))


@pytest.mark.rule("chunked = unchunked")
@bounded
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 700), max_size=6), turns=st.integers(0, 63))
def test_any_chunking_and_any_mixture_of_the_two_gives_the_same_bytes(seed: int, cuts: list[int], turns: int) -> None:
    case = random_case(seed)
    marks = [0, *sorted(min(cut, len(case.candles)) for cut in cuts), len(case.candles)]
    state, output = None, BacktestOutput(case.setup.units)
    for turn, (begin, end) in enumerate(itertools.pairwise(marks)):
        part = case.candles[begin:end]
        # Bytes, as between two processes.
        state = None if state is None else BacktestState.from_bytes(state.to_bytes())
        if turns >> turn & 1:
            state, added = compiled(case, part, state)
        else:
            state, added = backtest.simulate(case.setup, part, state)
        output.extend(added)
    assert state is not None
    assert_equal((state, output), compiled(case))


@pytest.mark.rule("no look-ahead")
@bounded
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 700))
def test_nothing_decided_up_to_a_candle_changes_with_the_candles_after_it(seed: int, cut: int) -> None:
    case = random_case(seed)
    cut = min(cut, len(case.candles))
    _, whole = compiled(case)
    _, part = compiled(case, case.candles[:cut])
    assert part.equity == whole.equity[: len(part.equity)]
    assert part.trades[:] == whole.trades[: len(part.trades)]
    assert part.skipped_at_ms == whole.skipped_at_ms[: len(part.skipped_at_ms)]


@bounded
@given(seed=st.integers(0, 2**32), lots=st.integers(0, 40))
def test_dust_beyond_what_one_order_may_sell_counts_alike(seed: int, lots: int) -> None:
    case = random_case(seed)
    rules, start = case.setup.rules, BacktestState.start(case.setup)
    least = int(rules.min_qty / rules.step_size)
    setup = replace(case.setup, rules=replace(rules, max_qty=rules.step_size * (least + 3)))
    dust = Decimal(0) if setup.parameters.is_futures else rules.step_size * lots
    state = replace(start, memory=replace(start.memory, dust=dust, dust_cost=dust and Decimal("5.25")))
    answer = simulate_compiled(setup, case.candles, state)
    assert answer is not None
    assert_equal(answer, backtest.simulate(setup, case.candles, state))


def test_an_entry_that_fills_too_low_to_be_sold_turns_to_dust_alike() -> None:
    turned = 0
    for seed in range(120):
        case = random_case(seed, count=300)
        rules = replace(
            case.setup.rules,
            step_size=Decimal("0.00001"),
            min_qty=Decimal("0.00001"),
            max_qty=Decimal(9_000),
            min_notional=Decimal("24.6"),
        )
        parameters = replace(
            case.setup.parameters,
            market_type=MarketType.SPOT,
            leverage=1,
            position_size_fixed=None,
            position_size_ppm=None,
            stop_loss_ppm=500,
            trailing_stop_ppm=None,
        )
        setup = replace(case.setup, rules=rules, parameters=parameters, initial_capital=Decimal(5_000), warm_up=10)
        answer = simulate_compiled(setup, case.candles)
        assert answer is not None
        assert_equal(answer, backtest.simulate(setup, case.candles))
        legs = answer[1].trades.leg
        turned += sum(one == two == 0 for one, two in itertools.pairwise(legs))
    assert turned > 0, "no entry turned to dust"
