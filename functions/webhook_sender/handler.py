"""Posts signed messages to the URLs that users gave, from outside the network and without any other right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.bootstrap.messages import post_webhooks
from tradebot.observability import observed

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  Lambda passes both
    """Post {"deliveries": [{"id", "url", "headers", "body"}]} and say what became of each."""
    return post_webhooks()(event)
