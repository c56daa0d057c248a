"""More workers than the server has connections for: each waits its turn, and none fails."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from tradebot.repositories.session import make_engine, session_scope
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = 300
CONNECTIONS = 100


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server with room for a hundred."""
    room = {
        "max_connections": str(CONNECTIONS + 1),
        "superuser_reserved_connections": "1",
        "reserved_connections": "0",
        "autovacuum": "off",
    }
    server = EmbeddedPostgres(tmp_path / "pg", settings={**FAST_AND_LOSE_ON_POWER_FAILURE, **room})
    yield server.start()
    server.remove()


def test_three_hundred_workers_on_a_hundred_connections_all_get_their_tick_done(url: str) -> None:
    """A process each, short transactions with waits between them, and its connection closed at its end."""

    def tick(_: int) -> int:
        engine = make_engine(Settings({"DATABASE_URL": url}))
        try:
            for _ in range(3):
                with session_scope(engine, None) as session:
                    session.execute(text("SELECT 1"))
                time.sleep(0.1)
            return 1
        finally:
            engine.dispose()

    with ThreadPoolExecutor(WORKERS) as pool:
        assert sum(pool.map(tick, range(WORKERS))) == WORKERS
