"""The first step of the backtest workflow and the one after a failure; and what the API asks about a market."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.backtests import fail_backtest, plan_backtest, read_market_facts
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Plan {"backtest_id", "user_id"}; or answer {"facts": ...}; or store {"failure": ..., "backtest": ...}."""
    if "facts" in event:
        return read_market_facts()(event["facts"])
    if "failure" in event:
        return fail_backtest()(event)
    return plan_backtest()(event)
