"""The OpenAPI document and a page that shows it, from this deployment alone: no script of a third party."""

import json
from functools import cache
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

#: What the page needs of the bundle, and nothing else of it.
_ASSETS = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}
_IMMUTABLE = "public, max-age=31536000, immutable"
# Swagger UI sets style attributes and draws its icons as data: images; scripts come from this origin alone.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TradeBot API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/{version}/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<noscript>This page needs JavaScript. The document itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<script src="docs/{version}/swagger-ui-bundle.js"></script>
<script src="docs/{version}/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  queryConfigEnabled: false,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false
});
"""


@router.get("/openapi.json")
def openapi_json(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(
        json.dumps(request.app.openapi(), separators=(",", ":")),
        media_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@router.get("/docs")
def docs_page() -> Response:
    """Return the page."""
    return Response(
        _PAGE.format(version=_version()),
        media_type="text/html",
        headers={"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "public, max-age=300"},
    )


@router.get("/docs/{version}/{name}")
def docs_asset(version: str, name: str) -> Response:
    """Return one of the page's files. Its address holds the version, so a browser may keep it for good."""
    headers = {"Cache-Control": _IMMUTABLE}
    if version != _version() or (name not in _ASSETS and name != "start.js"):
        raise HTTPException(404)
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=headers)
    return Response(_asset(name), media_type=_ASSETS[name], headers=headers)


@cache
def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415  only who looks at the page pays for it

    return version("swagger-ui-bundle")


@cache
def _asset(name: str) -> bytes:
    from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # has no types  # noqa: PLC0415  see _version()

    found: Any = swagger_ui_path / name
    return bytes(found.read_bytes())
