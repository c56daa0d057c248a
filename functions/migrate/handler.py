"""Brings the database to a revision. Run by the deployment, never by an event of the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.bootstrap.database import migrator
from tradebot.observability import logger, observed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext


@observed
def handler(event: Mapping[str, str], context: LambdaContext) -> dict[str, str]:  # noqa: ARG001  Lambda passes both
    """Upgrade to `revision` (`head` where the event names none) and answer the one that the database has now."""
    revision = migrator()(event.get("revision", "head"))
    logger().info("migrated", extra={"revision": revision})
    return {"revision": revision}
