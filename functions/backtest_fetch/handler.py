"""A step of the backtest workflow: fetches months of candles into the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.backtests import fetch_candles
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer the workflow's task."""
    return fetch_candles()(event, context.get_remaining_time_in_millis)
