"""Conditional requests: what is polled gets an ETag, and 304 where the asker has it already (RFC 9110, 13)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from tradebot_api.deps import REVALIDATED

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Conditional:
    """ASGI middleware. A route says that it is polled by its Cache-Control; its answers are small and whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def compare(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                is_polled = (
                    message["status"] == 200 and Headers(raw=message["headers"]).get("cache-control") == REVALIDATED
                )
                if is_polled:
                    start = message
                    return
            elif start is not None:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _answer(start, body, Headers(scope=scope).get("if-none-match", ""), send)
                return
            await send(message)

        await self._app(scope, receive, compare)


async def _answer(start: Message, body: bytes, known: str, send: Send) -> None:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = MutableHeaders(scope=start)
    headers["ETag"] = tag
    if any(one.strip().removeprefix("W/") in {tag, "*"} for one in known.split(",")):
        start["status"] = 304
        del headers["content-length"]
        del headers["content-type"]
        body = b""
    await send(start)
    await send({"type": "http.response.body", "body": body})
