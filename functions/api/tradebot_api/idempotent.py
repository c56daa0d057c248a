"""Idempotency-Key on every POST of a session: the same request, sent again, does nothing and is answered the same.

draft-ietf-httpapi-idempotency-key-header; what it leaves open is said in ADR 23.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from tradebot.errors import AuthenticationError, InvalidInputError, TradeBotError
from tradebot.services.act_once import KeptAnswer, RequestUnderWayError
from tradebot_api.deps import use_cases_of
from tradebot_api.errors import domain_problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tradebot.security.tokens import AccessToken
    from tradebot.services.act_once import ActOnce

HEADER = "Idempotency-Key"
#: Visible ASCII.
_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
#: How long the answer to the same request is waited for before the caller is asked to come back.
WAIT_SECONDS = 5.0
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class _Claim:
    act_once: ActOnce
    token: AccessToken
    key: str


class Idempotent:
    """ASGI middleware. What is no POST, or has no key or no good token, goes its way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get(HEADER)
        if key is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _whole(receive)
        receive = _again(body, receive)
        try:
            token = await run_in_threadpool(_token, scope, headers)
            if token is None:
                await self._app(scope, receive, send)
                return
            if not _KEY.fullmatch(key):
                raise InvalidInputError(
                    f"{HEADER} takes 1 to 255 visible ASCII characters.", field="header.idempotency-key", rule="shape"
                )
            claim = _Claim(use_cases_of(scope["app"]).act_once, token, key)
            kept = await _begun(claim, _hash(scope, body))
        except TradeBotError as error:
            await domain_problem(scope, error)(scope, receive, send)
            return
        if kept is None:
            await self._act(claim, scope, receive, send)
            return
        response = Response(kept.body, kept.status, {"Idempotent-Replayed": "true"})
        if kept.content_type is not None:
            response.headers["content-type"] = kept.content_type
        await response(scope, receive, send)

    async def _act(self, claim: _Claim, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)

        try:
            await self._app(scope, receive, hold)
        except BaseException:
            await run_in_threadpool(claim.act_once.release, claim.token, claim.key)
            raise
        start, body = answer[0], b"".join(message.get("body", b"") for message in answer[1:])
        if 200 <= start["status"] < 300:
            content_type = Headers(raw=start["headers"]).get("content-type")
            kept = KeptAnswer(start["status"], content_type, body.decode())
            await run_in_threadpool(claim.act_once.keep, claim.token, claim.key, kept)
        else:
            await run_in_threadpool(claim.act_once.release, claim.token, claim.key)
        # Kept before it is sent: an answer that nobody remembers would let the next try act again.
        for message in answer:
            await send(message)


async def _begun(claim: _Claim, request_hash: str) -> KeptAnswer | None:
    deadline = time.monotonic() + WAIT_SECONDS
    attempt = 0
    while True:
        try:
            return await run_in_threadpool(claim.act_once.begin, claim.token, claim.key, request_hash)
        except RequestUnderWayError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
        attempt += 1


def _token(scope: Scope, headers: Headers) -> AccessToken | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    try:
        return use_cases_of(scope["app"]).tokens.verify(credentials.strip())
    except AuthenticationError:
        return None  # the route says so


def _hash(scope: Scope, body: bytes) -> str:
    target = f"{scope['path']}?{scope['query_string'].decode('latin-1')}\n"
    return hashlib.sha256(target.encode("utf-8", "surrogatepass") + body).hexdigest()


async def _whole(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again
