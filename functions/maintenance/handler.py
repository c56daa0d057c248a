"""Every quarter of an hour what has to happen; at once mail that the API asks for, and what an operator commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.maintenance import rotate_data_keys, run_maintenance, switch_platform
from tradebot.bootstrap.messages import send_mail, send_webhooks
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Run once, or carry out {"kill_switch": {"on", "by", "reason"}} or {"rotate": {"most"}}. Repeating is safe."""
    if "kill_switch" in event:
        return switch_platform()(event["kill_switch"])
    if "rotate" in event:
        return {"rotation": rotate_data_keys()(is_started=True, **event["rotate"])}
    if event.get("send_mail"):
        return {"mails_sent": send_mail()(), "webhooks_sent": send_webhooks()()}
    return {"key_checks_requested": run_maintenance()()}
