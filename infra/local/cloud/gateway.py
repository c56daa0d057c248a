"""The HTTP API of the template: HTTP in, payload 2.0 events to its functions, their results back as HTTP."""

from __future__ import annotations

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.local.cloud.gateway_events import http_event, http_response
from infra.local.cloud.lambda_service import LambdaError
from infra.local.cloud.routes import Match, Route, find
from infra.local.cloud.wire import HttpServer, Request, Response

if TYPE_CHECKING:
    from infra.local.cloud.lambda_service import LambdaService

#: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
MAX_BODY_BYTES = 10 * 1024 * 1024
logger = logging.getLogger(__name__)


def refusal(status: HTTPStatus) -> Response:
    """Return what API Gateway itself answers, in its words."""
    phrases = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large"}
    message = json.dumps({"message": phrases.get(status, status.phrase)})
    return Response(status, message.encode(), [("Content-Type", "application/json")])


class TokenBucket:
    """A stage's throttling: `rate` requests a second for long, `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = self._tokens = burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more request may pass now."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


class Gateway:
    """Listens on the loopback address; routes are set once the stack is up."""

    def __init__(self, port: int) -> None:
        self._server = HttpServer("api", self._answer, port=port, max_body_bytes=MAX_BODY_BYTES, refuse=refusal)
        self._service: LambdaService | None = None
        self._routes: list[Route] = []
        self._api_id = ""
        self._bucket: TokenBucket | None = None
        self._waiting = ThreadPoolExecutor(max_workers=256, thread_name_prefix="api-invoke")
        self.url = self._server.url

    def serve(self, service: LambdaService, api_id: str, routes: list[Route], bucket: TokenBucket | None) -> None:
        """Begin to answer, with these routes."""
        self._service, self._api_id, self._routes, self._bucket = service, api_id, routes, bucket
        self._server.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.stop()
        self._waiting.shutdown(wait=False, cancel_futures=True)

    def _answer(self, request: Request) -> Response:
        match = find(self._routes, request.method, request.path)
        if match is None:
            return refusal(HTTPStatus.NOT_FOUND)
        if self._bucket is not None and not self._bucket.take():
            return refusal(HTTPStatus.TOO_MANY_REQUESTS)
        event = json.dumps(http_event(request, match, self._api_id)).encode()
        # As on AWS, the function goes on after the gateway gave up on it: hence a thread that may outlast this one.
        future = self._waiting.submit(self._invoke, match, event)
        try:
            return future.result(match.timeout_seconds)
        except FutureTimeoutError:
            return refusal(HTTPStatus.SERVICE_UNAVAILABLE)

    def _invoke(self, match: Match, event: bytes) -> Response:
        assert self._service is not None
        try:
            outcome = self._service.invoke(self._service.resolve(match.function_arn), event)
        except LambdaError as error:
            if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE
                if error.status == HTTPStatus.TOO_MANY_REQUESTS
                else HTTPStatus.INTERNAL_SERVER_ERROR
            )
        if outcome.function_error is not None:
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
        try:
            return http_response(outcome.payload)
        except (ValueError, TypeError, AttributeError):
            logger.warning("%s returned what is no HTTP answer", match.function_arn)
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
