"""Where a rule turns: amounts and times that lie exactly on its bound, which random backtests all but never meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.engine.desk import RULES, START, parameters
from tests.unit.engine.replay import FREE, FUTURES
from tradebot.domain.position import PositionSide
from tradebot.engine import backtest
from tradebot.engine.backtest_output import SKIPS, BacktestOutput
from tradebot.engine.backtest_setup import BacktestSetup
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.run import simulate_compiled
from tradebot.engine.memory import PendingEntry
from tradebot.engine.notes import NoteCode

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.skipif(kernel() is None, reason="no compiled engine on this machine: `make install` makes it")
MINUTE_MS = 60_000
LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def both(
    side: PositionSide,
    closes: list[str],
    *,
    late_ms: int = 0,
    highs: Mapping[int, str] = MappingProxyType({}),
    **changes: Any,
) -> tuple[BacktestState, BacktestOutput]:
    """Enter at 20,000 in the first candle, which opens `late_ms` after the signal, and run on; the engines agree."""
    market = FUTURES if side is SHORT else {}
    chosen = replace(parameters(**{**market, **changes}), fees=FREE)
    setup = BacktestSetup(chosen, RULES, Decimal(10_000), 2, warm_up=0)
    start = BacktestState.start(setup)
    memory = replace(
        start.memory,
        last_open_at=START - timedelta(minutes=1),
        last_close_at=START,
        last_close=Decimal(20_000),
        pending_entry=PendingEntry(side, START, Decimal(20_000)),
    )
    before = replace(start, memory=memory)
    candles = CandleArray(chosen.timeframe, 2)
    price = 2_000_000
    for number, close in enumerate(closes):
        now = int(Decimal(close) * 100)
        at = to_ms(START) + late_ms + number * MINUTE_MS
        high = int(Decimal(highs.get(number, "0")) * 100)
        candles.append(at, (price, max(price, now, high), min(price, now), now), 1.0)
        price = now
    compiled, plain = simulate_compiled(setup, candles, before), backtest.simulate(setup, candles, before)
    assert compiled is not None, "the kernel declined"
    assert compiled[0].to_bytes() == plain[0].to_bytes()
    assert compiled[1] == plain[1]
    return compiled


# 0.05 BTC: 10 of 10,000 are lost, or won, where the price has moved by 200.
@pytest.mark.rule(26)
@pytest.mark.parametrize("quiet", [0, 3], ids=["in the candle of the entry", "after quiet candles"])
@pytest.mark.parametrize(
    ("side", "close", "latched"),
    [
        (LONG, "19800.01", None),
        (LONG, "19800.00", "daily_loss"),
        (LONG, "20199.99", None),
        (LONG, "20200.00", "daily_target"),
        (SHORT, "20199.99", None),
        (SHORT, "20200.00", "daily_loss"),
        (SHORT, "19800.01", None),
        (SHORT, "19800.00", "daily_target"),
    ],
)
def test_a_day_limit_that_is_reached_exactly_is_reached(
    side: PositionSide, close: str, latched: str | None, quiet: int
) -> None:
    limits: dict[str, Any] = {"max_daily_loss_perc": Decimal("0.1"), "daily_target_perc": Decimal("0.1")}
    state, _ = both(side, ["20000"] * quiet + [close], **limits)
    assert state.memory.position is not None
    assert state.memory.day_latch == latched
    assert (state.memory.pending_exit is not None) is (latched is not None)


@pytest.mark.rule(31)
@pytest.mark.parametrize(("late_ms", "enters"), [(0, True), (30_000, True), (30_001, False), (MINUTE_MS, False)])
def test_an_open_more_than_half_a_timeframe_after_the_signal_is_too_late(late_ms: int, enters: bool) -> None:
    state, output = both(LONG, ["20000", "20000"], late_ms=late_ms)
    assert (state.memory.position is not None) is enters
    assert [SKIPS[number] for number in output.skipped_reason] == ([] if enters else [NoteCode.STALE_SIGNAL])


@pytest.mark.rule(24)
def test_a_level_that_the_close_lies_beyond_outranks_the_limit_of_the_same_close() -> None:
    # The high moves the trailing stop above this very close, which reaches the day's target.
    stops: dict[str, Any] = {
        "trailing_stop_active": True,
        "trailing_stop_perc": Decimal("0.1"),
        "daily_target_perc": Decimal("0.1"),
    }
    state, _ = both(LONG, ["20000", "20250"], highs={1: "20400"}, **stops)
    assert state.memory.day_latch == "daily_target"
    assert state.memory.pending_exit is not None
    assert state.memory.pending_exit.reason == "trailing_stop"
