"""An HTTP API's routes, read from the OpenAPI body that the SAM translator writes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from infra.local.cloud.translate import TemplateError

Json = dict[str, Any]
ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", ANY}
FUNCTION_IN_URI = re.compile(r"functions/(?P<arn>arn:[^/]+)/invocations$")


@dataclass(frozen=True, slots=True)
class Match:
    """A route that a request takes."""

    route_key: str
    function_arn: str
    timeout_seconds: float
    path_parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path pattern, and the function behind them."""

    method: str
    path: str
    function_arn: str
    timeout_seconds: float
    pattern: re.Pattern[str]

    @property
    def key(self) -> str:
        """As API Gateway writes it: `GET /things/{id}`, `ANY /{proxy+}`, `$default`."""
        return "$default" if self.path == "$default" else f"{self.method} {self.path}"

    @property
    def rank(self) -> tuple[int, int, int]:
        """The most specific route wins: literal before greedy, the longer one, a method before ANY."""
        return (self.path != "$default" and "+}" not in self.path, len(self.path), self.method != "ANY")


#: API Gateway's own limit for an integration.
MAX_INTEGRATION_SECONDS = 30.0


def routes_of(api: Json) -> list[Route]:
    """Return the API's routes, most specific first. Raises TemplateError on what is not carried out."""
    body = api.get("Body")
    if not isinstance(body, dict):
        raise TemplateError("an HTTP API without a Body (no SAM event names it) has no routes here")
    routes = []
    for path, operations in (body.get("paths") or {}).items():
        for method, operation in operations.items():
            if method in METHODS:
                routes.append(_route(path, method, operation))
    return sorted(routes, key=lambda route: route.rank, reverse=True)


def _route(path: str, method: str, operation: Json) -> Route:
    integration = operation.get(INTEGRATION) or {}
    if operation.get("security"):
        raise TemplateError(f"the route {path} has an authorizer, which is not carried out here")
    if integration.get("type", "").lower() != "aws_proxy" or str(integration.get("payloadFormatVersion")) != "2.0":
        raise TemplateError(f"the route {path}: only functions with payload format 2.0 are carried out")
    match = FUNCTION_IN_URI.search(integration.get("uri", ""))
    if match is None:
        raise TemplateError(f"the route {path} names no function: {integration.get('uri')}")
    timeout = float(integration.get("timeoutInMillis", MAX_INTEGRATION_SECONDS * 1000)) / 1000
    plain = "$default" if path.lstrip("/") == "$default" else path
    return Route(
        method="ANY" if method == ANY else method.upper(),
        path=plain,
        function_arn=match["arn"],
        timeout_seconds=min(timeout, MAX_INTEGRATION_SECONDS),
        pattern=_pattern(plain),
    )


def _pattern(path: str) -> re.Pattern[str]:
    if path == "$default":
        return re.compile(r".*", re.DOTALL)
    pattern = ""
    for piece in re.split(r"(\{[^}]+\})", path):
        if piece.startswith("{"):
            name = re.sub(r"\W", "_", piece.strip("{+}"))
            pattern += f"(?P<{name}>.+)" if piece.endswith("+}") else f"(?P<{name}>[^/]+)"
        else:
            pattern += re.escape(piece)
    return re.compile(pattern + "$")


def find(routes: list[Route], method: str, path: str) -> Match | None:
    """Return the route of a request, None where there is none."""
    for route in routes:
        found = route.pattern.match(path)
        if found is not None and route.method in {"ANY", method}:
            return Match(route.key, route.function_arn, route.timeout_seconds, found.groupdict())
    return None
