"""The page that shows the API works from this deployment alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.api.gateway import Client


def test_the_page_and_all_that_it_loads_come_from_here(anybody: Client) -> None:
    page = anybody.get("/v1/docs")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "https:" not in page.body.decode()
    assert "http:" not in page.body.decode()
    loaded = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.body.decode())
    assert len(loaded) == 3
    for path in loaded:
        asset = anybody.get(f"/v1/{path}")
        assert asset.status == 200, path
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert not asset.was_base64
        assert len(asset.body) < 1_500_000


def test_the_page_may_run_no_script_but_its_own_files(anybody: Client) -> None:
    page = anybody.get("/v1/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert not re.search(r"<script(?![^>]* src=)", page.body.decode()), "no inline script"


def test_nothing_else_of_the_bundle_is_served(anybody: Client) -> None:
    version = re.search(r"docs/([^/]+)/start.js", anybody.get("/v1/docs").body.decode())
    assert version is not None
    for path in (
        f"{version[1]}/swagger-ui.js",
        f"{version[1]}/index.html",
        f"{version[1]}/..%2f__init__.py",
        f"{version[1]}/../../openapi.json",
        "0.0/start.js",
    ):
        assert anybody.get(f"/v1/docs/{path}").problem["status"] == 404, path


def test_the_document_is_served_as_it_is_written_down(anybody: Client) -> None:
    served = anybody.get("/v1/openapi.json")
    assert served.headers["content-type"] == "application/json"
    assert served.json["info"]["title"] == "TradeBot"
