"""A backtest by the compiled loop where this machine has one and it takes the setup, else by the plain one: equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.engine.kernel.run import simulate_compiled

if TYPE_CHECKING:
    from tradebot.engine.backtest_output import BacktestOutput
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.backtest_state import BacktestState
    from tradebot.engine.candles import CandleArray


def simulate(
    setup: BacktestSetup, candles: CandleArray, state: BacktestState | None = None
) -> tuple[BacktestState, BacktestOutput]:
    """Run the candles, the next ones after `state`; see `backtest.simulate`, whose bytes this gives."""
    done = simulate_compiled(setup, candles, state)
    if done is None:
        from tradebot.engine import backtest  # noqa: PLC0415  # a cold function with a kernel does without

        return backtest.simulate(setup, candles, state)
    return done
