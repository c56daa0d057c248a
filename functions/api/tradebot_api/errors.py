"""Every error as RFC 9457 problem details: the product's own, validation's, the router's, and the unexpected."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tradebot.errors import AuthenticationError, InvalidInputError, TradeBotError
from tradebot.observability import logger
from tradebot_api.allowed_methods import allowed_methods

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.types import Scope

MEDIA_TYPE = "application/problem+json"
_TYPE_PREFIX = "urn:tradebot:problem:"
_INTERNAL_DETAIL = "Something went wrong on our side. Nothing is known about it here but the request_id; name it."
#: Seconds after which trying again makes sense, for errors that say that it can help.
_RETRY_AFTER = 5


def problem_response(
    scope: Scope,
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    errors: Iterable[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem. `detail` is for the caller: it holds no internals."""
    body = {
        "type": _TYPE_PREFIX + code,
        "title": title or code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": scope.get("path", "/"),
        "request_id": scope.get("state", {}).get("request_id", ""),
        "errors": list(errors),
    }
    # ASCII: a path may hold lone surrogates, which UTF-8 cannot carry.
    return Response(json.dumps(body), status, {"Cache-Control": "no-store", **(headers or {})}, media_type=MEDIA_TYPE)


def internal_error_response(scope: Scope) -> Response:
    """Return the answer to what nobody foresaw."""
    return problem_response(scope, 500, TradeBotError.code, _INTERNAL_DETAIL)


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem."""
    app.add_exception_handler(TradeBotError, _domain_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(HTTPException, _http_problem)


async def _domain_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, TradeBotError)
    return domain_problem(request.scope, error)


def domain_problem(scope: Scope, error: TradeBotError) -> Response:
    """Return the answer to one of the product's own errors."""
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger().error("request failed", exc_info=error, extra={"code": error.code})
    if error.http_status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return internal_error_response(scope)
    headers = {}
    if isinstance(error, AuthenticationError):
        headers["WWW-Authenticate"] = "Bearer"
    if error.retryable:
        headers["Retry-After"] = str(int(getattr(error, "retry_after_seconds", _RETRY_AFTER)))
    errors = []
    if isinstance(error, InvalidInputError):
        errors = [{"field": one.field, "rule": one.rule, "message": one.message} for one in error.violations]
    return problem_response(scope, error.http_status, error.code, error.message, errors=errors, headers=headers)


async def _validation_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem_response(request.scope, 400, "unreadable-body", "The body is not JSON.")
    errors = [_field_error(one) for one in found]
    named = ", ".join(sorted({one["field"] for one in errors}))
    return problem_response(request.scope, 422, InvalidInputError.code, f"Not valid: {named}.", errors=errors)


def _field_error(error: Mapping[str, Any]) -> dict[str, str]:
    # Never the input itself: it may be a password.
    place, *path = [str(part) for part in error["loc"]]
    if place != "body" or not path:
        path = [place, *path]
    field = ".".join(path).encode("ascii", "backslashreplace").decode()[:200]
    rule = {"extra_forbidden": "unknown_field"}.get(error["type"], error["type"])
    message = "There is no such field." if rule == "unknown_field" else str(error["msg"])
    return {"field": field, "rule": rule, "message": message}


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of the first route that matched the path; there may be several.
        headers["Allow"] = ", ".join(allowed_methods(request.app, request.url.path))
        return problem_response(
            request.scope, 405, "method-not-allowed", f"This path answers {headers['Allow']}.", headers=headers
        )
    if error.status_code == HTTPStatus.NOT_FOUND:
        return problem_response(request.scope, 404, "not-found", "There is nothing at this path.")
    if error.status_code == HTTPStatus.BAD_REQUEST:
        return problem_response(request.scope, 400, "unreadable-body", "The body is not JSON in UTF-8.")
    status = HTTPStatus(error.status_code)
    code = status.phrase.lower().replace(" ", "-")
    return problem_response(request.scope, status, code, f"{status.description or status.phrase}.", headers=headers)
