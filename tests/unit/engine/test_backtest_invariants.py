"""What holds over whole backtests: any cut, no look-ahead, books that an oracle of its own recomputes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_UP, Decimal, localcontext
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import RULES, START, parameters
from tradebot.domain.order import Leg
from tradebot.engine.backtest import BacktestOutput, BacktestSetup, BacktestState, FundingRate, MarginBracket, simulate
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

FAST: dict[str, Any] = {
    "ema_fast": 2,
    "ema_slow": 5,
    "rsi_period": 3,
    "custom_ema_fast": 3,
    "custom_ema_slow": 4,
    "custom_rsi_period": 2,
    "rsi_overbought": 90,
    "rsi_oversold": 10,
    "stop_loss_perc": Decimal("0.5"),
    "take_profit_perc": Decimal(1),
    "trailing_stop_perc": Decimal("0.7"),
}
CHOICES = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(["simple", "ema", "custom"]),
        "position_type": st.sampled_from(["spot", "futures"]),
        "leverage": st.sampled_from([1, 3, 20, 125]),
        "trailing_stop_active": st.booleans(),
        "position_size_fixed": st.sampled_from([None, Decimal(500)]),
        "position_size_perc": st.sampled_from([None, Decimal(30), Decimal(100)]),
        "max_daily_loss_perc": st.sampled_from([None, Decimal("0.5"), Decimal(5)]),
        "daily_target_perc": st.sampled_from([None, Decimal(1)]),
        "max_daily_trades": st.sampled_from([None, 3]),
        "timeframe": st.sampled_from(["1m", "15m", "4h"]),
    }
)


def walk(seed: int, count: int, timeframe: str, *, spread: int = 9_000) -> CandleArray:
    """Return candles of a random walk around 20,000 with holes here and there."""
    chance = random.Random(seed)
    candles = CandleArray(parameters(timeframe=timeframe).timeframe, 2)
    close, at = 2_000_000, to_ms(START.replace(hour=22, minute=0))
    for _ in range(count):
        first = max(close + chance.randint(-500, 500), 100_000)
        close = max(first + chance.randint(-spread, spread), 100_000)
        high = max(first, close) + chance.randint(0, spread // 2)
        low = max(min(first, close) - chance.randint(0, spread // 2), 1)
        candles.append(at, [first, high, low, close], 1.0)
        at = candles.close_time_ms(len(candles) - 1)
        at += candles.timeframe.seconds * 1000 * (chance.random() < 0.02)
    return candles


def setup_of(choice: dict[str, Any], **more: Any) -> BacktestSetup:
    return BacktestSetup(parameters(**{**FAST, **choice}), RULES, Decimal(10_000), 2, **{"warm_up": 12, **more})


def joined(setup: BacktestSetup, candles: CandleArray, bounds: Sequence[int]) -> tuple[bytes, BacktestOutput]:
    """Run in chunks, the state through its bytes between them."""
    state, output = BacktestState.start(setup), BacktestOutput(setup.units)
    for begin, end in pairwise([0, *bounds, len(candles)]):
        state, part = simulate(setup, candles[begin:end], BacktestState.from_bytes(state.to_bytes()))
        output.extend(part)
    return state.to_bytes(), output


@pytest.mark.rule("chunked = unchunked")
@given(choice=CHOICES, seed=st.integers(0, 10_000), count=st.integers(2, 260), data=st.data())
@settings(max_examples=80, deadline=None)
def test_any_chunking_gives_the_same_bytes_trades_and_equity(
    choice: dict[str, Any], seed: int, count: int, data: st.DataObject
) -> None:
    setup, candles = setup_of(choice), walk(seed, count, choice["timeframe"])
    cuts = sorted(data.draw(st.sets(st.integers(1, count - 1), max_size=8)))
    whole = joined(setup, candles, [])
    assert joined(setup, candles, cuts) == whole


def test_a_chunk_for_every_candle_gives_the_same_bytes() -> None:
    for position_type in ("spot", "futures"):
        choice = {"position_type": position_type, "timeframe": "15m", "trailing_stop_active": True}
        setup, candles = setup_of(choice), walk(7, 300, "15m")
        assert joined(setup, candles, range(1, 300)) == joined(setup, candles, [])


@pytest.mark.rule("no look-ahead")
@given(choice=CHOICES, seed=st.integers(0, 10_000), count=st.integers(20, 260), data=st.data())
@settings(max_examples=60, deadline=None)
def test_candles_after_a_moment_change_nothing_decided_at_or_before_it(
    choice: dict[str, Any], seed: int, count: int, data: st.DataObject
) -> None:
    setup, candles = setup_of(choice), walk(seed, count, choice["timeframe"])
    cut = data.draw(st.integers(1, count - 1))
    state, short = simulate(setup, candles[:cut])
    other = candles[:cut] + shifted(walk(seed + 1, 40, choice["timeframe"]), candles, cut)
    for longer in (candles, other):
        _, whole = simulate(setup, longer)
        assert list(whole.trades)[: len(short.trades)] == list(short.trades)
        assert whole.equity[: len(short.equity)] == short.equity
        again, _ = simulate(setup, longer[:cut])
        assert again.to_bytes() == state.to_bytes()


def shifted(candles: CandleArray, after: CandleArray, cut: int) -> CandleArray:
    """Return other candles that go on where the first `cut` of `after` end."""
    step = after.close_time_ms(cut - 1) - candles.open_time_ms[0]
    moved = replace(candles)
    moved.open_time_ms = type(candles.open_time_ms)("q", [at + step for at in candles.open_time_ms])
    return moved


class Oracle:
    """Keeps the account from the trades alone, with its own arithmetic."""

    def __init__(self, setup: BacktestSetup) -> None:
        self.setup, self.is_futures = setup, setup.parameters.is_futures
        self.quote, self.base = setup.initial_capital, Decimal(0)
        self.realized = Decimal(0)
        self.entry: Any = None

    def take(self, trade: Any) -> None:
        fees = self.setup.parameters.fees
        rate = Decimal(fees.maker_ppm if trade.order_type == "LIMIT" else fees.taker_ppm) / 1_000_000
        assert trade.quote == trade.quantity * trade.price
        assert trade.price % RULES.tick_size == 0
        assert trade.quantity % RULES.step_size == 0
        if trade.leg is Leg.ENTRY:
            self.enter(trade, rate)
        else:
            self.leave(trade, rate)

    def enter(self, trade: Any, rate: Decimal) -> None:
        assert self.entry is None
        self.entry = trade
        if self.is_futures:
            assert trade.fee == trade.commission == up(trade.quote * rate)
            self.quote -= trade.fee
        else:
            assert trade.commission == up(trade.quantity * rate)
            assert trade.fee == up(trade.commission * trade.price)
            self.quote -= trade.quote
            self.base += trade.quantity - trade.commission
        assert self.quote >= 0, "more was spent than was there"

    def leave(self, trade: Any, rate: Decimal) -> None:
        entry, sign = self.entry, trade.position_side.sign
        self.entry = None
        gross = sign * trade.quantity * (trade.price - entry.price)
        if trade.reason == "liquidation":
            margin = up(entry.quote / self.setup.parameters.leverage)
            assert (trade.fee, trade.realized_pnl) == (0, -margin - entry.fee)
            self.quote -= margin
        else:
            assert trade.fee == trade.commission == up(trade.quote * rate)
            assert trade.realized_pnl == gross - entry.fee - trade.fee + trade.funding
            self.quote += (gross + trade.funding if self.is_futures else trade.quote) - trade.fee
        if not self.is_futures:
            assert trade.quantity == self.base.quantize(RULES.step_size, ROUND_DOWN), (
                "all that makes whole lots is sold"
            )
            self.base -= trade.quantity
        self.realized += trade.realized_pnl


def up(value: Decimal) -> Decimal:
    return value.quantize(Decimal("1e-8"), ROUND_UP)


@pytest.mark.rule("exactness")
@given(choice=CHOICES, seed=st.integers(0, 10_000), count=st.integers(30, 400))
@settings(max_examples=80, deadline=None)
def test_money_is_conserved_to_the_last_decimal(choice: dict[str, Any], seed: int, count: int) -> None:
    with localcontext(prec=60):
        audit(setup_of(choice), walk(seed, count, choice["timeframe"]))


def audit(setup: BacktestSetup, candles: CandleArray) -> int:
    """Hold the books against the oracle's; return how many trades there were."""
    state, output = simulate(setup, candles)
    oracle, memory = Oracle(setup), state.memory
    for trade in output.trades:
        oracle.take(trade)
    open_fee, open_funding = Decimal(0), Decimal(0)
    if memory.position is not None:
        assert oracle.entry is not None
        open_fee, open_funding = memory.position.entry_fee, memory.position.funding
        assert open_fee == oracle.entry.fee
    assert memory.realized_pnl == oracle.realized
    assert memory.balance == setup.initial_capital + oracle.realized - open_fee + open_funding
    assert setup.initial_capital + memory.quote_change == oracle.quote + (open_funding if oracle.is_futures else 0)
    if not oracle.is_futures:
        assert memory.base_held == oracle.base
    if memory.position is None and output.equity:
        assert output.units.money(output.equity[-1]) == memory.balance
    assert state.tally.fees == sum((trade.fee for trade in output.trades), Decimal(0))
    return len(output.trades)


def test_the_walks_trade_for_every_reason() -> None:
    reasons: set[str] = set()
    total = 0
    for seed in range(12):
        for leverage, trailing, limit in ((3, True, None), (125, False, None), (20, True, Decimal("0.5"))):
            choice = {
                "position_type": "futures",
                "leverage": leverage,
                "trailing_stop_active": trailing,
                "max_daily_loss_perc": limit,
                "daily_target_perc": limit,
                "position_size_perc": Decimal(30),
                "position_size_fixed": None,
                "timeframe": "15m",
            }
            _, output = simulate(setup_of(choice), walk(seed, 400, "15m"))
            reasons |= {trade.reason for trade in output.trades}
            total += len(output.trades)
    assert reasons == {
        "entry_signal",
        "exit_signal",
        "stop_loss",
        "trailing_stop",
        "take_profit",
        "liquidation",
        "daily_loss",
        "daily_target",
    }
    assert total > 1_000


CHILD = """
import sys
from tests.unit.engine.test_backtest_invariants import BacktestState, setup_of, simulate, walk
begin, end = int(sys.argv[1]), int(sys.argv[2])
state = BacktestState.from_bytes(sys.stdin.buffer.read())
choice = {"position_type": "futures", "timeframe": "4h", "trailing_stop_active": True}
sys.stdout.buffer.write(simulate(setup_of(choice), walk(5, 240, "4h")[begin:end], state)[0].to_bytes())
"""


@pytest.mark.rule("chunked = unchunked")
def test_chunks_in_separate_processes_give_the_same_bytes() -> None:
    choice = {"position_type": "futures", "timeframe": "4h", "trailing_stop_active": True}
    setup, candles = setup_of(choice), walk(5, 240, "4h")
    state = BacktestState.start(setup).to_bytes()
    for number, (begin, end) in enumerate(pairwise([0, 77, 160, 240])):
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(begin), str(end)],
            input=state,
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONHASHSEED": str(number)},
        )
        state = done.stdout
    assert state == simulate(setup, candles)[0].to_bytes()


def test_the_given_state_is_not_changed() -> None:
    setup, candles = setup_of({"position_type": "futures"}), walk(3, 200, "1m")
    state, _ = simulate(setup, candles[:100])
    before = state.to_bytes()
    simulate(setup, candles[100:], state)
    assert state.to_bytes() == before


def test_the_unit_of_the_candles_changes_nothing() -> None:
    setup, candles = setup_of({"position_type": "spot"}), walk(3, 200, "1m")
    finer = replace(setup, price_decimals=4)
    state, output = simulate(setup, candles)
    other, others = simulate(finer, candles.with_price_decimals(4))
    assert other.to_bytes() == state.to_bytes()
    assert list(others.trades) == list(output.trades)


def test_history_brackets_and_a_tick_that_is_no_power_of_ten_keep_the_invariants() -> None:
    rules = replace(RULES, tick_size=Decimal("0.25"), step_size=Decimal("0.002"), min_qty=Decimal("0.002"))
    candles = walk(9, 300, "4h")
    funding = tuple(
        FundingRate(at, Decimal("-0.00031"), Decimal("20123.456789")) for at in candles.open_time_ms[40:200:2]
    )
    setup = replace(
        setup_of({"position_type": "futures", "timeframe": "4h"}),
        rules=rules,
        funding=funding,
        bracket=MarginBracket(maintenance_ppm=5_000, maintenance_amount=Decimal("1.5"), notional_cap=Decimal(90_000)),
    )
    assert joined(setup, candles, [33, 34, 150]) == joined(setup, candles, [])


@pytest.mark.parametrize("broken", [b"{}", b'{"version":99}'])
def test_a_state_of_another_version_is_refused(broken: bytes) -> None:
    with pytest.raises(ConfigurationError):
        BacktestState.from_bytes(broken)
