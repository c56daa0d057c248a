"""API Gateway (HTTP API) -> the application, through Mangum. Made by the first invocation, not by the import."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tradebot.observability import observed

if TYPE_CHECKING:
    from mangum import Mangum


@cache
def _adapter() -> Mangum:
    from mangum import Mangum  # noqa: PLC0415  see the module's docstring

    from tradebot_api.app import TEXT_MIME_TYPES, create_app  # noqa: PLC0415  see the module's docstring

    return Mangum(create_app(), lifespan="off", text_mime_types=TEXT_MIME_TYPES)


@observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one request."""
    return _adapter()(event, context)
