"""What the OpenAPI document says of each route's errors."""

from typing import Any

from tradebot_api.errors import MEDIA_TYPE

_DESCRIPTIONS = {
    400: "The body is not JSON.",
    401: "No valid access token, or wrong credentials.",
    403: "The address was not confirmed yet.",
    404: "It is not there, or it is another's.",
    409: "The present state does not allow it; the detail says what to do first.",
    413: "The body is too large.",
    429: "Tried too often; `Retry-After` says when to go on.",
    422: "The request breaks a rule; `errors` names field and rule.",
    500: "Something went wrong on our side.",
    503: "Try again in a moment.",
}
_EXAMPLES: dict[int, tuple[str, str, list[dict[str, str]]]] = {
    400: ("unreadable-body", "The body is not JSON.", []),
    401: ("not-authenticated", "The access token is missing, malformed, expired or revoked; log in again.", []),
    403: ("address-not-verified", "This address was not confirmed yet: use the token that was mailed to it.", []),
    404: ("not-found", "There is no such bot.", []),
    409: ("conflict", "The bot is active; stop it first.", []),
    413: ("content-too-large", "The body may be at most 32768 bytes.", []),
    422: (
        "invalid-input",
        "ema_fast has to be smaller than ema_slow.",
        [{"field": "ema_fast", "rule": "ema_order", "message": "ema_fast has to be smaller than ema_slow."}],
    ),
    429: ("too-many-requests", "That was tried too often; try again in 212 seconds.", []),
    500: ("internal-error", "Something went wrong on our side.", []),
    503: ("database-unavailable", "The database does not answer; try again in a moment.", []),
}
_WITH_BODY = (400, 413, 422)


def errors(*statuses: int, with_body: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that may answer with these problems (and with 500 and 503, as every one)."""
    wanted = {*statuses, *(_WITH_BODY if with_body else ()), 500, 503}
    return {status: _response(status) for status in sorted(wanted)}


def _response(status: int) -> dict[str, Any]:
    if status == 304:
        return {"description": "Nothing has changed since the answer that `If-None-Match` names."}
    code, detail, fields = _EXAMPLES[status]
    example = {
        "type": f"urn:tradebot:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": "/v1/bot-configs/42",
        "request_id": "JKJaXmPLvHcESHA=",
        "errors": fields,
    }
    return {
        "description": _DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}},
    }
