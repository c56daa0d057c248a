"""The last step of the backtest workflow: statistics, tables, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.backtests import collect_backtest
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Answer the workflow's task."""
    return collect_backtest()(event)
