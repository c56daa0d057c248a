"""Every quarter of an hour: what nobody asks for and has to happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap import run_maintenance
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Run once. Repeating it is safe."""
    return {"key_checks_requested": run_maintenance()()}
