"""What the API's routes of backtests call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.bootstrap.aws_clients import lambda_client, step_functions_client
from tradebot.bootstrap.buckets import report_store
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.repositories.pages import Record
    from tradebot.services.cancel_backtest import CancelBacktest
    from tradebot.services.compare_backtest import CompareBacktest
    from tradebot.services.delete_backtest import DeleteBacktest
    from tradebot.services.read_backtests import ReadBacktests
    from tradebot.services.start_backtest import StartBacktest
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class BacktestUseCases:
    """What a user does with backtests."""

    start: StartBacktest
    read: ReadBacktests
    seconds_left: Callable[[Record], float | None]
    cancel: CancelBacktest
    delete: DeleteBacktest
    compare: CompareBacktest


def backtest_use_cases(sessions: UserSessions) -> BacktestUseCases:
    """Return them (BACKTEST_PLAN_FUNCTION, BACKTEST_STATE_MACHINE, REPORT_BUCKET)."""
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.aws.workflow import StepFunctionsWorkflow
    from tradebot.services.cancel_backtest import CancelBacktest
    from tradebot.services.compare_backtest import CompareBacktest
    from tradebot.services.delete_backtest import DeleteBacktest
    from tradebot.services.read_backtests import ReadBacktests, seconds_left
    from tradebot.services.start_backtest import StartBacktest

    settings = load_settings()
    workflow, results = StepFunctionsWorkflow(step_functions_client, settings.backtest_state_machine), report_store()
    read = ReadBacktests(sessions, results)
    return BacktestUseCases(
        start=StartBacktest(sessions, LambdaInvoker(lambda_client, settings.backtest_plan_function), workflow),
        read=read,
        seconds_left=seconds_left,
        cancel=CancelBacktest(sessions, workflow),
        delete=DeleteBacktest(sessions, results),
        compare=CompareBacktest(sessions, read, results),
    )
