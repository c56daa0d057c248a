"""Every quarter of an hour: what nobody asks for and has to happen; and mail at once where the API asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap import run_maintenance, send_mail
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Run once. Repeating it is safe."""
    if event.get("send_mail"):
        return {"mails_sent": send_mail()()}
    return {"key_checks_requested": run_maintenance()()}
