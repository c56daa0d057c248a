"""The table of strategies, rule by rule, each against a naive reading of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tradebot.errors import InvalidInputError
from tradebot.strategy.indicators import Ema, Rsi
from tradebot.strategy.interface import Signals, StrategyParameters
from tradebot.strategy.registry import DEFAULT_STRATEGY, STRATEGY_NAMES, get_strategy

if TYPE_CHECKING:
    from collections.abc import Callable

P = StrategyParameters(ema_fast=3, ema_slow=6, ema_period=4, rsi_period=3, rsi_oversold=30, rsi_overbought=70)
CLOSES = st.lists(st.integers(900, 1_100).map(float), min_size=2, max_size=60)


def signals_over(name: str, closes: list[float]) -> list[Signals]:
    strategy, found = get_strategy(name), list[Signals]()
    state = strategy.start(P)
    for close in closes:
        state, signals = strategy.advance(state, P, close)
        found.append(signals)
    return found


def ema_series(period: int, closes: list[float]) -> list[float | None]:
    state, values = Ema(period), list[float | None]()
    for close in closes:
        state = state.updated(close)
        values.append(state.value)
    return values


def rsi_series(closes: list[float]) -> list[float | None]:
    state, values = Rsi(P.rsi_period), list[float | None]()
    for close in closes:
        state = state.updated(close)
        values.append(state.value)
    return values


def up(a0: float, a1: float, b0: float, b1: float) -> bool:
    return a0 <= b0 and a1 > b1


def down(a0: float, a1: float, b0: float, b1: float) -> bool:
    return a0 >= b0 and a1 < b1


def by_the_table(i: int, line: list[float | None], base: list[float | None], rsi: list[float | None]) -> list[bool]:
    """Return up-cross, down-cross, and whether the RSI allows a long and a short entry."""
    a0, a1, b0, b1, r = line[i - 1], line[i], base[i - 1], base[i], rsi[i]
    if a0 is None or a1 is None or b0 is None or b1 is None:
        return [False, False, False, False]
    return [up(a0, a1, b0, b1), down(a0, a1, b0, b1), r is not None and r < 70, r is not None and r > 30]


@pytest.mark.rule(1)
@given(CLOSES)
@settings(max_examples=150, deadline=None)
def test_simple_follows_the_close_across_its_average_and_the_rsi_through_its_bounds(closes: list[float]) -> None:
    line, rsi = ema_series(4, closes), rsi_series(closes)
    for i, signals in enumerate(signals_over("simple", closes)):
        if i == 0:
            assert signals == Signals()
            continue
        rose, fell, may_long, may_short = by_the_table(i, [*closes], line, rsi)
        before, now = rsi[i - 1], rsi[i]
        rsi_fell = before is not None and now is not None and down(before, now, 70, 70)
        rsi_rose = before is not None and now is not None and up(before, now, 30, 30)
        assert signals == Signals(rose and may_long, fell or rsi_fell, fell and may_short, rose or rsi_rose)


@pytest.mark.rule(1)
@pytest.mark.parametrize("name", ["ema", "custom"])
def test_the_fast_average_crossing_the_slow_one_signals(name: str) -> None:
    check: Callable[[], None] = given(CLOSES)(settings(max_examples=100, deadline=None)(lambda c: _check_ema(name, c)))
    check()


def _check_ema(name: str, closes: list[float]) -> None:
    fast, slow, rsi = ema_series(3, closes), ema_series(6, closes), rsi_series(closes)
    for i, signals in enumerate(signals_over(name, closes)):
        rose, fell, may_long, may_short = by_the_table(i, fast, slow, rsi) if i else [False] * 4
        assert signals == Signals(rose and may_long, fell, fell and may_short, rose)


def test_an_entry_is_not_signalled_while_the_rsi_is_beyond_its_bound() -> None:
    closes = [100.0] * 8 + [99.0, 120.0]
    assert not signals_over("ema", closes)[-1].long_entry, "the RSI stands above 70 after such a rise"
    gentle = [100.0, 101.0] * 4 + [99.0, 99.0, 99.0, 100.2, 100.4]
    assert any(signals.long_entry for signals in signals_over("ema", gentle))


@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_an_rsi_exactly_on_its_bound_does_not_enter(name: str) -> None:
    def last(closes: list[float], oversold: int, overbought: int) -> Signals:
        parameters = StrategyParameters(2, 3, 2 if name == "simple" else 3, 2, oversold, overbought)
        strategy, signals = get_strategy(name), Signals()
        state = strategy.start(parameters)
        for close in closes:
            state, signals = strategy.advance(state, parameters, close)
        return signals

    rising, falling = [11.0, 8.0, 9.0, 10.0], [8.0, 11.0, 10.0, 9.0]  # both end at an RSI of 50
    assert last(rising, 10, 51).long_entry
    assert not last(rising, 10, 50).long_entry
    assert last(falling, 49, 90).short_entry
    assert not last(falling, 50, 90).short_entry


@pytest.mark.rule(2)
@given(CLOSES)
@settings(max_examples=150, deadline=None)
def test_shorts_are_longs_of_the_mirrored_market(closes: list[float]) -> None:
    # Mirrored at 1,000 the RSI becomes 100 - RSI, and the bounds 30 and 70 change places.
    assume(_is_clear_of_rounding(closes))
    for name in STRATEGY_NAMES:
        straight, mirrored = signals_over(name, closes), signals_over(name, [2_000 - close for close in closes])
        assert [(s.short_entry, s.short_exit) for s in straight] == [(s.long_entry, s.long_exit) for s in mirrored]


def _is_clear_of_rounding(closes: list[float]) -> bool:
    """Whether no compared pair is so near that the last bit decides, which mirroring does not keep."""
    fast, slow, line, rsi = ema_series(3, closes), ema_series(6, closes), ema_series(4, closes), rsi_series(closes)
    bounds = [(value, bound) for value in rsi for bound in (30.0, 70.0)]
    pairs = [*zip(fast, slow, strict=True), *zip(closes, line, strict=True), *bounds]
    return all(a is None or b is None or abs(a - b) > 1e-6 for a, b in pairs)


@pytest.mark.rule(4)
def test_entering_and_leaving_one_side_at_once_is_asserted_against() -> None:
    with pytest.raises(AssertionError, match="long entry and long exit"):
        Signals(long_entry=True, long_exit=True)
    with pytest.raises(AssertionError, match="short entry and short exit"):
        Signals(short_entry=True, short_exit=True)
    with pytest.raises(AssertionError, match="long and short entry"):
        Signals(long_entry=True, short_entry=True)


@pytest.mark.rule(4)
def test_an_unknown_strategy_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"no strategy 'magic'; known are: simple, custom, ema") as refused:
        get_strategy("magic")
    assert refused.value.field == "strategy"


def test_simple_is_the_default_and_every_strategy_goes_by_its_own_name() -> None:
    assert DEFAULT_STRATEGY == "simple"
    assert [get_strategy(name).name for name in STRATEGY_NAMES] == list(STRATEGY_NAMES)
    assert STRATEGY_NAMES[0] == DEFAULT_STRATEGY
    assert {"simple", "ema", "custom"} <= set(STRATEGY_NAMES)


def test_the_slowest_average_in_use_is_the_strategys_own() -> None:
    assert [get_strategy(name).slowest_ema(P) for name in ("simple", "ema", "custom")] == [4, 6, 6]


@pytest.mark.rule(6)
@pytest.mark.parametrize("name", STRATEGY_NAMES)
def test_carried_state_survives_json_at_every_close(name: str) -> None:
    strategy = get_strategy(name)
    state = strategy.start(P)
    for close in (100.0, 101.5, 99.0, 98.0, 103.0, 104.0, 97.0, 96.0):
        state, _ = strategy.advance(strategy.state_from_json(json.loads(json.dumps(state.to_json()))), P, close)
        assert strategy.state_from_json(state.to_json()) == state
