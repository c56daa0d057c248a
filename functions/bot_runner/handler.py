"""One bot, one tick; or one check of an exchange key, since only this function may decrypt."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradebot.bootstrap import check_api_key, run_bot
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the tick of {"bot_config_id", "user_id", "tick_at"}, or check {"check_key": {"api_key_id", "user_id"}}."""
    if "check_key" in event:
        key = event["check_key"]
        return {"is_valid": check_api_key()(api_key_id=int(key["api_key_id"]), user_id=int(key["user_id"]))}
    report = run_bot()(
        bot_config_id=int(event["bot_config_id"]),
        user_id=int(event["user_id"]),
        tick_at=datetime.fromisoformat(event["tick_at"]),
        remaining_ms=context.get_remaining_time_in_millis,
    )
    return {
        "outcome": report.outcome,
        "actions": list(report.actions),
        "statements": report.statements,
        "requests": report.requests,
    }
