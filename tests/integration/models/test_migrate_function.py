"""The function that the deployment runs, on the events that lie in tests/events."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.doors import forget, load_handler
from tradebot.bootstrap.database import migrator
from tradebot.migrations.upgrade import downgrade, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from tests.fixtures.database import TestDatabase

REPOSITORY = Path(__file__).parents[3]
CONTEXT = SimpleNamespace(
    function_name="migrate", memory_limit_in_mb=512, invoked_function_arn="arn:aws:lambda:x", aws_request_id="1"
)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "tests/events/migrate").glob("*.json")), ids=lambda p: p.stem)
def test_it_brings_an_empty_database_to_the_head_and_says_which_revision_that_is(
    path: Path,
    database: TestDatabase,
    engine_as: Callable[[str | None], Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = engine_as(None)
    downgrade(owner, "base")
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "migrate")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "TradeBot")
    forget()
    module = load_handler("migrate")
    try:
        answer = module.handler(json.loads(path.read_text()), CONTEXT)
    finally:
        migrator().args[0].dispose()  # type: ignore[attr-defined]  # the engine of the partial
        forget()
    assert answer == {"revision": upgrade(owner)}
