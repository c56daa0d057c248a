"""EventBridge tick -> due bots -> one asynchronous invoke of bot_runner each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.ticks import dispatch_due_bots
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Hand out the tick that the scheduled event names by its `time`, to the minute."""
    tick_at = datetime.fromisoformat(event["time"]).replace(second=0, microsecond=0)
    report = dispatch_due_bots()(tick_at)
    return {"due": report.due, "failed": report.failed, "schedule_disabled": report.is_schedule_disabled}
