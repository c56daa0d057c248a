"""The outermost layer: names each request, bounds its body, adds security headers, turns a crash into an answer."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from tradebot.observability import logger
from tradebot_api.errors import internal_error_response, problem_response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The largest body that any route has a use for is a private key in PEM.
MAX_BODY_BYTES = 32_768
_TOO_LARGE = f"The body may be at most {MAX_BODY_BYTES} bytes."
_REQUEST_ID = re.compile(r"[\w.=+/-]{1,128}", re.ASCII)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "no-referrer",
}
#: Answers are one user's own, and JSON has nothing to load.
_DEFAULTS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Edge:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
            await problem_response(scope, 413, "content-too-large", _TOO_LARGE)(scope, receive, answer.send)
            return
        try:
            await self._app(scope, _bounded(receive), answer.send)
        except _BodyTooLargeError:
            await problem_response(scope, 413, "content-too-large", _TOO_LARGE)(scope, receive, answer.send)
        except Exception:
            # Logged once, here, with what happened; the caller learns the request's id only.
            logger().exception("request failed", extra={"request_id": request_id, "path": scope.get("path")})
            if answer.has_begun:
                raise
            await internal_error_response(scope)(scope, receive, answer.send)


class _BodyTooLargeError(HTTPException):
    """More came than was declared. Whoever reads the body inside of the application answers it, else the edge."""

    def __init__(self) -> None:
        super().__init__(413)


class _Answer:
    """Sends, with the headers that every answer has."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self._request_id
            for name, value in _HEADERS.items():
                headers[name] = value
            for name, value in _DEFAULTS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _bounded(receive: Receive) -> Receive:
    read = 0

    async def receive_bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > MAX_BODY_BYTES:
            raise _BodyTooLargeError
        return message

    return receive_bounded


def _request_id(scope: Scope) -> str:
    """Return API Gateway's id, which its access log has, else Lambda's, else one of our own. Never a header's."""
    event: Any = scope.get("aws.event") or {}
    for candidate in (
        event.get("requestContext", {}).get("requestId"),
        getattr(scope.get("aws.context"), "aws_request_id", None),
    ):
        if isinstance(candidate, str) and _REQUEST_ID.fullmatch(candidate):
            return candidate
    return str(uuid.uuid4())
