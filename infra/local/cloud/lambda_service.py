"""The part of Lambda's own API that moto lacks without Docker: Invoke.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from infra.local.cloud.invocation import ASYNCHRONOUS_LIMIT_BYTES, SYNCHRONOUS_LIMIT_BYTES, Invocation, Outcome
from infra.local.cloud.pool import StoppedError, ThrottledError
from infra.local.cloud.wire import Request, Response

if TYPE_CHECKING:
    from infra.local.cloud.event_queue import EventQueue
    from infra.local.cloud.pool import FunctionPool

INVOKE_PATH = re.compile(r"^/2015-03-31/functions/(?P<name>[^/]+)/invocations$")
ARN_PREFIX = re.compile(r"^(arn:aws:lambda:[^:]+:)?(\d{12}:)?(function:)?")


class LambdaError(Exception):
    """An error of the Lambda API itself, as opposed to one of the function."""

    def __init__(self, status: HTTPStatus, code: str, **body: str) -> None:
        super().__init__(code, body)
        self.status = status
        self.code = code
        self.body = body

    def response(self, request_id: str) -> Response:
        """Return it as Lambda puts it on the wire."""
        headers = [
            ("Content-Type", "application/json"),
            ("x-amzn-ErrorType", self.code),
            ("x-amzn-RequestId", request_id),
        ]
        return Response(self.status, json.dumps(self.body).encode(), headers)


class LambdaService:
    """Finds functions by name or ARN and invokes them."""

    def __init__(self, pools: dict[str, FunctionPool], queues: dict[str, EventQueue]) -> None:
        self._pools = pools
        self._queues = queues

    def handles(self, request: Request) -> bool:
        """Whether the request is an Invoke."""
        return request.method == "POST" and INVOKE_PATH.match(request.path) is not None

    def answer(self, request: Request) -> Response:
        """Serve an Invoke."""
        match = INVOKE_PATH.match(request.path)
        assert match is not None
        request_id = str(uuid.uuid4())
        kind = request.header("x-amz-invocation-type", "RequestResponse")
        context = request.header("x-amz-client-context")
        if context:
            context = base64.b64decode(context).decode()
        try:
            name = self.resolve(unquote(match["name"]))
            if kind == "RequestResponse":
                outcome = self.invoke(name, request.body, request_id=request_id, client_context=context)
                return _synchronous(outcome, request_id, with_log=request.header("x-amz-log-type") == "Tail")
            if kind == "Event":
                self.enqueue(name, request.body, request_id=request_id, client_context=context)
                return Response(HTTPStatus.ACCEPTED, b"", [("x-amzn-RequestId", request_id)])
            if kind == "DryRun":
                return Response(HTTPStatus.NO_CONTENT, b"", [("x-amzn-RequestId", request_id)])
        except LambdaError as error:
            return error.response(request_id)
        unknown = LambdaError(
            HTTPStatus.BAD_REQUEST, "InvalidParameterValueException", message=f"Unknown invocation type: {kind}"
        )
        return unknown.response(request_id)

    def resolve(self, name_or_arn: str) -> str:
        """Return the function's name. Raises LambdaError where there is none of that name or ARN."""
        name, _, qualifier = ARN_PREFIX.sub("", name_or_arn).partition(":")
        if name not in self._pools or qualifier not in {"", "$LATEST"}:
            raise LambdaError(
                HTTPStatus.NOT_FOUND,
                "ResourceNotFoundException",
                Type="User",
                Message=f"Function not found: {name_or_arn}",
            )
        return name

    def invoke(self, name: str, payload: bytes, *, request_id: str = "", client_context: str = "") -> Outcome:
        """Run the function to its end. Raises LambdaError."""
        _check(payload, SYNCHRONOUS_LIMIT_BYTES, "InvokeFunction")
        invocation = Invocation(payload or b"{}", client_context=client_context)
        if request_id:
            invocation.request_id = request_id
        try:
            return self._pools[name].run(invocation)
        except ThrottledError:
            raise LambdaError(
                HTTPStatus.TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                Reason="ConcurrentInvocationLimitExceeded",
                Type="User",
                message="Rate Exceeded.",
            ) from None
        except StoppedError:
            raise LambdaError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "ServiceException", Message="The local cloud is stopping."
            ) from None

    def enqueue(self, name: str, payload: bytes, *, request_id: str = "", client_context: str = "") -> str:
        """Accept an asynchronous invocation; return its request id. Raises LambdaError."""
        _check(payload, ASYNCHRONOUS_LIMIT_BYTES, "InvokeFunction")
        request_id = request_id or str(uuid.uuid4())
        self._queues[name].put(payload or b"{}", request_id, client_context)
        return request_id


def _check(payload: bytes, limit: int, operation: str) -> None:
    if len(payload) > limit:
        raise LambdaError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "RequestTooLargeException",
            Type="User",
            message=f"Request must be smaller than {limit} bytes for the {operation} operation",
        )
    try:
        parsed: Any = json.loads(payload or b"{}")
    except ValueError as error:
        raise LambdaError(
            HTTPStatus.BAD_REQUEST,
            "InvalidRequestContentException",
            Type="User",
            message=f"Could not parse request body into json: {error}",
        ) from None
    del parsed


def _synchronous(outcome: Outcome, request_id: str, *, with_log: bool) -> Response:
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", request_id),
        ("X-Amz-Executed-Version", "$LATEST"),
    ]
    if outcome.function_error:
        headers.append(("X-Amz-Function-Error", outcome.function_error))
    if with_log:
        headers.append(("X-Amz-Log-Result", base64.b64encode(outcome.log_tail).decode()))
    return Response(HTTPStatus.OK, outcome.payload, headers)
