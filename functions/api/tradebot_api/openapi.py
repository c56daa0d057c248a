"""The OpenAPI document: FastAPI's, with one Problem schema for all errors, written as OpenAPI 3.0.

3.0 because the Swagger UI that is packaged for Python reads no newer, and because code generators know it best.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from tradebot_api.idempotent import HEADER
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.fields import In, Out
from tradebot_api.schemas.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from pydantic import BaseModel

Json = dict[str, Any]

OPENAPI_VERSION = "3.0.3"
_REFERENCE = "#/components/schemas/"
_DESCRIPTION = """Configure, run and watch trading bots.

Log in, send the access token as `Authorization: Bearer <token>`, and renew it by refreshing. Every error is a
problem (RFC 9457) with a `request_id`. Amounts are decimal strings, times are UTC, lists are paged by `cursor`.
What belongs to somebody else answers 404, as what does not exist does."""
_TAGS = [
    {
        "name": "accounts",
        "description": "Register, log in, stay logged in; the account itself, and what was done in it.",
    },
    {"name": "API keys", "description": "Keys of the exchange: encrypted, checked, never shown again."},
    {"name": "bots", "description": "What a bot trades, and how."},
    {"name": "running bots", "description": "Start, stop and watch."},
    {"name": "stopping", "description": "Kill switches, and closing positions at once."},
    {"name": "service", "description": "The service itself."},
]


def openapi_document(app: FastAPI) -> Json:
    """Return the document of `app`'s routes."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=_DESCRIPTION,
        license_info={"name": "MIT"},
        tags=_TAGS,
        routes=app.routes,
    )
    _, problem = models_json_schema([(Problem, "serialization")], ref_template=_REFERENCE + "{model}")
    schemas: Json = document["components"]["schemas"]
    schemas.update(problem["$defs"])
    for model in _models(In, Out):
        extra = model.model_config.get("json_schema_extra")
        if isinstance(extra, dict) and model.__name__ in schemas:
            # FastAPI leaves nulls out of the whole document, and with them out of the examples.
            schemas[model.__name__]["example"] = extra["example"]
    document["openapi"] = OPENAPI_VERSION
    document["components"]["schemas"] = {name: _schema(schemas[name], schemas) for name in sorted(schemas)}
    for path in document["paths"].values():
        for method, operation in path.items():
            if method == "post" and "security" in operation:
                _take_idempotency_key(operation)
            _rewrite_operation(operation, schemas)
    return document


def _models(*parents: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for parent in parents:
        yield parent
        yield from _models(*parent.__subclasses__())


def _take_idempotency_key(operation: Json) -> None:
    """Describe what `idempotent` does to every POST of a session."""
    operation.setdefault("parameters", []).append(
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "description": "Any text of your own: the same request under the same key, within a day, acts once and is"
            " answered the same. Only successes are kept; what was refused may be asked again.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }
    )
    for status, response in errors(409, 422).items():
        operation["responses"].setdefault(str(status), response)
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _rewrite_operation(operation: Json, schemas: Json) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _schema(parameter["schema"], schemas)
    for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
        for content in holder.get("content", {}).values():
            content["schema"] = _schema(content["schema"], schemas)
    for response in operation["responses"].values():
        response.setdefault("headers", {})["X-Request-Id"] = {
            "description": "Names this request in the logs.",
            "schema": {"type": "string"},
        }


def _schema(schema: Json, schemas: Json) -> Json:
    """Return a JSON Schema 2020-12 as OpenAPI 3.0 writes it."""
    branches = schema.get("anyOf", [])
    if {"type": "null"} in branches:
        return _nullable(schema, [branch for branch in branches if branch != {"type": "null"}], schemas)
    written: Json = {}
    for keyword, value in schema.items():
        if keyword == "properties":
            written[keyword] = {name: _schema(inner, schemas) for name, inner in value.items()}
        elif keyword in {"anyOf", "allOf", "oneOf"}:
            written[keyword] = [_schema(inner, schemas) for inner in value]
        elif keyword in {"items", "additionalProperties"} and isinstance(value, dict):
            written[keyword] = _schema(value, schemas)
        elif keyword in {"exclusiveMinimum", "exclusiveMaximum"}:
            written["minimum" if keyword == "exclusiveMinimum" else "maximum"] = value
            written[keyword] = True
        elif keyword == "const":
            written["enum"] = [value]
        elif keyword == "examples":
            written["example"] = value[0]
        elif keyword == "title" or (keyword == "default" and value is None):
            continue  # Pydantic's titles repeat the names; its null defaults say "not given"
        else:
            written[keyword] = copy.deepcopy(value)
    return written


def _nullable(schema: Json, branches: list[Json], schemas: Json) -> Json:
    """Return the schema of `branches` or null. In 3.0 null needs a `type` beside it, so a reference is written out."""
    around = {key: value for key, value in schema.items() if key != "anyOf"}
    first = branches[0]
    if "$ref" in first:
        first = schemas[first["$ref"].removeprefix(_REFERENCE)]
    if len(branches) == 1 and "anyOf" in first:
        first, *others = first["anyOf"]
        branches = [first, *others]
    head = {**_schema(first, schemas), "nullable": True}
    if "enum" in head:
        head["enum"] = [*head["enum"], None]
    rest = _schema(around, schemas)
    if len(branches) == 1:
        return {**head, **rest}
    return {"anyOf": [head, *(_schema(branch, schemas) for branch in branches[1:])], **rest}
