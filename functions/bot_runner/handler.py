"""One bot, one tick; a tick at once to close a position; a check of an exchange key, since only this one decrypts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.ticks import check_api_key, run_bot
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Run the tick of {"bot_config_id", "user_id", "tick_at"}, or do what else only this function may.

    {"check_key": {"api_key_id", "user_id"}} checks a key, {"close_position": {"bot_config_id", "user_id"}} closes a
    position whose user wishes it closed.
    """
    if "check_key" in event:
        key = event["check_key"]
        return {"is_valid": check_api_key()(api_key_id=int(key["api_key_id"]), user_id=int(key["user_id"]))}
    bot = event.get("close_position", event)
    report = run_bot()(
        bot_config_id=int(bot["bot_config_id"]),
        user_id=int(bot["user_id"]),
        tick_at=datetime.fromisoformat(bot["tick_at"]) if "tick_at" in bot else None,
        remaining_ms=context.get_remaining_time_in_millis,
    )
    return {
        "outcome": report.outcome,
        "actions": list(report.actions),
        "statements": report.statements,
        "requests": report.requests,
    }
