"""Stands where API Gateway stands: turns requests into HTTP API events (payload 2.0) and calls the handler."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = Any
_sources = count(1)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    was_base64: bool

    @property
    def json(self) -> Json:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def problem(self) -> Json:
        """The body as a problem, which it has to be."""
        assert self.headers["content-type"] == "application/problem+json", self.headers
        assert not self.was_base64
        found = self.json
        assert found["status"] == self.status
        assert found["request_id"] == self.headers["x-request-id"]
        return found


def event(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    source: str = "198.51.100.7",
) -> dict[str, Any]:
    """Return an HTTP API event, as API Gateway writes it."""
    raw_query = urlencode(dict(query or {}))
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": {"host": "api.example.com", "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source,
                "userAgent": "tests",
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": "$default",
            "stage": "$default",
            "time": "13/Mar/2023:10:00:00 +0000",
            "timeEpoch": 1678701600000,
        },
        "isBase64Encoded": False,
    }
    if query:
        made["queryStringParameters"] = {name: str(value) for name, value in query.items()}
    if body is not None:
        made["headers"]["content-length"] = str(len(body))
        try:
            made["body"] = body.decode()
        except UnicodeDecodeError:
            made["body"] = base64.b64encode(body).decode()
            made["isBase64Encoded"] = True
    return made


class LambdaContext:
    """What Lambda hands over beside the event."""

    function_name = "api"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:api"

    def __init__(self) -> None:
        self.aws_request_id = str(uuid.uuid4())


@dataclass
class Client:
    """A user of the API, behind the gateway."""

    handler: Callable[[dict[str, Any], Any], dict[str, Any]]
    token: str | None = None
    user: Json = field(default=None)
    #: Where it calls from, as the gateway sees it: a network of its own, since tries are counted by it.
    source: str = field(default_factory=lambda: f"2001:db8:0:{next(_sources):x}::7")

    def request(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Send one request; `body` goes as JSON, `raw` as it is."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        content = raw
        if body is not None:
            content = json.dumps(body).encode()
        if content is not None:
            sent.setdefault("content-type", "application/json")
        answer = self.handler(
            event(method, path, query=query, headers=sent, body=content, source=self.source), LambdaContext()
        )
        text = answer.get("body", "")
        return Answer(
            status=answer["statusCode"],
            headers=answer.get("headers", {}),
            body=base64.b64decode(text) if answer["isBase64Encoded"] else text.encode(),
            was_base64=answer["isBase64Encoded"],
        )

    def get(self, path: str, **query: object) -> Answer:
        """GET."""
        return self.request("GET", path, query=query or None)

    def post(self, path: str, body: Json = None) -> Answer:
        """POST."""
        return self.request("POST", path, body)

    def patch(self, path: str, body: Json) -> Answer:
        """PATCH."""
        return self.request("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self.request("DELETE", path)
