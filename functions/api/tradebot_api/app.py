"""The FastAPI application. Nothing is made before `create_app` is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware

from tradebot_api.conditional import Conditional
from tradebot_api.cors import Cors
from tradebot_api.docs import router as docs_router
from tradebot_api.edge import Edge
from tradebot_api.errors import add_error_handlers
from tradebot_api.idempotent import Idempotent
from tradebot_api.openapi import openapi_document
from tradebot_api.routers import (
    accounts,
    api_keys,
    audit_events,
    backtests,
    bot_configs,
    bots,
    health,
    history,
    notifications,
    sessions,
    stopping,
)

if TYPE_CHECKING:
    from tradebot.bootstrap.api import ApiUseCases

PREFIX = "/v1"
#: Content that Mangum hands to API Gateway as text; anything else goes as base64.
TEXT_MIME_TYPES = ["application/json", "application/problem+json", "text/"]


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = openapi_document(self)
        return self.openapi_schema


def create_app(use_cases: ApiUseCases | None = None) -> FastAPI:
    """Return the application. Without `use_cases` the first request makes the deployment's."""
    app = _Application(
        title="TradeBot",
        version="1",
        openapi_url=None,  # served, cached and with our own components, by `docs`
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Edge), Middleware(Cors), Middleware(Conditional), Middleware(Idempotent)],
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.use_cases = use_cases
    v1 = APIRouter(prefix=PREFIX)
    for part in (
        health,
        sessions,
        accounts,
        notifications,
        audit_events,
        api_keys,
        bot_configs,
        bots,
        history,
        stopping,
        backtests,
    ):
        v1.include_router(part.router)
    v1.include_router(docs_router)
    app.include_router(v1)
    add_error_handlers(app)
    return app
