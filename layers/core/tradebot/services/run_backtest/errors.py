"""Why a step ends before its work is done. The workflow runs it again after some, and ends after the others."""

from __future__ import annotations

from tradebot.errors import ConflictError, TradeBotError


class BacktestEndedError(ConflictError):
    """The backtest was cancelled, deleted or has failed meanwhile: nothing more is to be done for it."""

    code = "backtest-ended"


class StepOutOfTimeError(TradeBotError):
    """The function's time is nearly over. What was done so far is kept; run again, the step goes on from there."""

    code = "step-out-of-time"
    retryable = True
