"""A step of the backtest workflow: runs the engine as far as its time allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.backtests import simulate_backtest
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the workflow's task."""
    return simulate_backtest()(event, context.get_remaining_time_in_millis)
