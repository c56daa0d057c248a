"""Which methods a path answers, over all routes: what the Allow header of a 405 has to say (RFC 9110, 10.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

if TYPE_CHECKING:
    from fastapi import FastAPI


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """Return the methods of every route whose path matches, sorted."""
    methods: set[str] = set()
    for route in iter_route_contexts(app.routes):
        template = route.path
        if template is not None and compile_path(template)[0].match(path):
            methods |= set(route.methods or ())
    return sorted(methods)
