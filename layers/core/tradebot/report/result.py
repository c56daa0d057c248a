"""A finished run, as reports take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tradebot.engine.backtest_output import BacktestOutput
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.backtest_state import BacktestState
    from tradebot.engine.statistics.report import Report


@dataclass(frozen=True, slots=True)
class Result:
    """What was simulated and all that came out, but for the candles, which may be too many to hold at once."""

    setup: BacktestSetup
    output: BacktestOutput
    state: BacktestState
    report: Report
