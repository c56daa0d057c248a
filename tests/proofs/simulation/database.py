"""A database whose clock is the simulation's: `now()` in the worker's statements is what the simulation says."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, text

from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from infra.local.state import state_root
from tests.fixtures.database import TestServer, copied, made_template
from tradebot.repositories.session import make_engine, session_scope
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from tests.fixtures.database import TestDatabase
    from tests.proofs.simulation.clock import VirtualClock

#: In front of pg_catalog, so that `now()` is this one. Columns' defaults were bound to the real one at their making.
_NOW = (
    "CREATE FUNCTION proof.{name}() RETURNS timestamptz LANGUAGE sql STABLE AS"
    " $$ SELECT coalesce(to_timestamp(nullif(current_setting('proof.now', true), '')::double precision),"
    " pg_catalog.{name}()) $$"
)
_OWN_CLOCK = (
    "CREATE SCHEMA proof",
    _NOW.format(name="now"),
    _NOW.format(name="clock_timestamp"),
    "GRANT USAGE ON SCHEMA proof TO PUBLIC",
)


@contextmanager
def server() -> Iterator[TestServer]:
    """Give the tests' server, which stops when the last process that uses it has."""
    one = EmbeddedPostgres(state_root() / "tests" / "postgres", settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    with one as url:
        yield TestServer(url, one.superuser_url)


@contextmanager
def simulated_database(of: TestServer) -> Iterator[TestDatabase]:
    """Give a migrated database of this process with a clock of its own."""
    with copied(of, made_template(of)) as database:
        engine = make_engine(Settings({"DATABASE_URL": database.superuser_url}))
        with session_scope(engine, None) as session:
            for statement in _OWN_CLOCK:
                session.execute(text(statement))
            name = session.scalar(text("SELECT current_database()"))
            session.execute(text(f"ALTER DATABASE {name} SET search_path = proof, pg_catalog, public"))
        engine.dispose()
        yield database


class Sessions:
    """Opens one worker's transactions at the simulation's time; `lose` is what a server does to an idle one."""

    def __init__(self, engine: Engine, clock: VirtualClock, point: Callable[[str], None]) -> None:
        self._engine = engine
        self._clock = clock
        self._point = point
        self._open: Any = None
        event.listen(engine, "connect", self._tell_time)

    def _tell_time(self, driver: Any, _: object) -> None:
        plain = driver.execute_simple

        def execute_simple(statement: str) -> Any:
            if statement.startswith("BEGIN"):
                self._open = driver
                statement += f"; SET LOCAL proof.now = '{self._clock.ms / 1000:.3f}'"
            return plain(statement)

        driver.execute_simple = execute_simple

    @contextmanager
    def __call__(self, user_id: int | None) -> Iterator[Session]:
        self._point("transaction begins")
        try:
            with session_scope(self._engine, user_id) as session:
                yield session
        finally:
            self._open = None
        self._point("transaction ended")

    @property
    def is_open(self) -> bool:
        """Whether a transaction is under way."""
        return self._open is not None

    def lose(self) -> None:
        """End the open transaction from outside."""
        driver, self._open = self._open, None
        driver._usock.shutdown(socket.SHUT_RDWR)
