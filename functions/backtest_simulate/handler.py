"""A step of the backtest workflow: runs the engine over the next chunk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap import backtest_step
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: object, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Answer the workflow's task."""
    return backtest_step("simulate")(event)
