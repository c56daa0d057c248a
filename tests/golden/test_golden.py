"""Each strategy on each market still gives its golden result; `make golden` changes them on purpose."""

from __future__ import annotations

import functools

import pytest

from tests.golden.results import CASES, MINUTES, minutes, path_of, result_of, setup_of, text_of
from tradebot.engine.backtest import BacktestState, simulate

all_minutes = functools.cache(minutes)


@pytest.fixture(autouse=True)
def _data() -> None:
    if not MINUTES.exists():
        pytest.skip(f"{MINUTES} is not here; set TRADEBOT_DATA to the folder of the BTCUSDT minutes")


@pytest.mark.parametrize(("strategy", "market"), CASES)
def test_a_backtest_of_the_real_minutes_gives_its_golden_result(strategy: str, market: str) -> None:
    golden = path_of(strategy, market).read_text()
    assert text_of(result_of(setup_of(strategy, market), all_minutes())) == golden, "make golden shows the difference"


@pytest.mark.parametrize(("strategy", "market"), [("simple", "spot"), ("custom", "futures")])
def test_the_real_minutes_give_the_same_bytes_in_weeks(strategy: str, market: str) -> None:
    setup, candles = setup_of(strategy, market), all_minutes()
    whole, _ = simulate(setup, candles)
    state = BacktestState.start(setup)
    for begin in range(0, len(candles), 7 * 1_440):
        state, _ = simulate(setup, candles[begin : begin + 7 * 1_440], BacktestState.from_bytes(state.to_bytes()))
    assert state.to_bytes() == whole.to_bytes()


def test_the_golden_results_are_not_empty() -> None:
    for strategy, market in CASES:
        text = path_of(strategy, market).read_text()
        assert "stop_loss" in text
        assert "take_profit" in text
