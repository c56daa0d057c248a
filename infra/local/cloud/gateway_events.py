"""API Gateway's payload format 2.0 for HTTP APIs, both ways.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from infra.local.cloud.functions import ACCOUNT_ID
from infra.local.cloud.wire import Request, Response

if TYPE_CHECKING:
    from infra.local.cloud.routes import Match

Json = dict[str, Any]
#: Bodies of these types, and text/*, arrive as text. All others are base64, even forms and those without a type:
#: observed at API Gateway (https://github.com/ministackorg/ministack/pull/766), whose documentation says "binary" only.
TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}
#: Headers of a single connection (RFC 9110, 7.6.1), which a gateway neither passes on nor takes from a function.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


def http_event(request: Request, match: Match, api_id: str, *, at: float | None = None) -> Json:
    """Return the event that a request becomes."""
    at = time.time() if at is None else at
    host = request.header("host")
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers:
        lowered = name.lower()
        if lowered == "cookie":
            cookies += [cookie.strip() for cookie in value.split(";") if cookie.strip()]
        elif lowered not in HOP_BY_HOP:
            headers[lowered] = f"{headers[lowered]},{value}" if lowered in headers else value
    forwarded = headers.get("x-forwarded-for")
    headers |= {
        "x-amzn-trace-id": f"Root=1-{int(at):08x}-{secrets.token_hex(12)}",
        "x-forwarded-for": f"{forwarded}, {request.peer[0]}" if forwarded else request.peer[0],
        "x-forwarded-port": host.rpartition(":")[2] if ":" in host else "80",
        "x-forwarded-proto": "http",
    }
    headers["content-length"] = str(len(request.body))
    event: Json = {
        "version": "2.0",
        "routeKey": match.route_key,
        "rawPath": unquote(request.path),
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT_ID,
            "apiId": api_id,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": unquote(request.path),
                "protocol": request.version,
                "sourceIp": request.peer[0],
                "userAgent": request.header("user-agent"),
            },
            "requestId": secrets.token_urlsafe(12)[:15] + "=",
            "routeKey": match.route_key,
            "stage": "$default",
            "time": datetime.fromtimestamp(at, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(at * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if request.query:
        event["queryStringParameters"] = _query(request.query)
    if match.path_parameters:
        event["pathParameters"] = match.path_parameters
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request)
    return event


def _query(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(request: Request) -> tuple[str, bool]:
    media_type = request.header("content-type").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in TEXT_TYPES:
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def http_response(payload: bytes) -> Response:
    """Return the answer that a function's result becomes. Raises ValueError where API Gateway would answer 500."""
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        # The inferred format: whatever was returned is the JSON body of a 200.
        body = result if isinstance(result, str) else json.dumps(result)
        return Response(HTTPStatus.OK, body.encode(), [("content-type", "application/json")])
    status = int(result["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(f"the status code is {status}")
    headers = [
        (str(name), _header_value(value))
        for name, value in (result.get("headers") or {}).items()
        if name.lower() not in HOP_BY_HOP and name.lower() != "content-length"
    ]
    for name, values in (result.get("multiValueHeaders") or {}).items():
        headers += [(str(name), _header_value(value)) for value in values]
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or []]
    content = result.get("body")
    if content is None:
        body_bytes = b""
    elif result.get("isBase64Encoded"):
        try:
            body_bytes = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ValueError("the body is no base64") from error
    else:
        body_bytes = (content if isinstance(content, str) else json.dumps(content)).encode()
    if body_bytes and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return Response(status, body_bytes, headers)


def _header_value(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\r" in text or "\n" in text:
        raise ValueError("a header has more than one line")
    return text
