"""One transaction at a time on one connection: whose it is, how it ends, and what happens when the server goes away."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from infra.local import postgres_guardian
from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from tests.fixtures.database import connected
from tests.fixtures.rows import valid_row
from tradebot.models import User
from tradebot.repositories import session as sessions
from tradebot.repositories.pipelined import PipelinedConnection
from tradebot.repositories.session import make_engine, session_scope, sqlstate
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from tests.fixtures.database import TestDatabase

    EngineAs = Callable[[str | None], Engine]


def backend(engine: Engine) -> int:
    """Return the server process that serves the engine's connection."""
    with session_scope(engine, None) as session:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def new_user(engine: Engine, user_id: int, *, then_fail: bool = False) -> None:
    with session_scope(engine, user_id) as session:
        for _ in range(1 + then_fail):
            session.execute(insert(User).values(valid_row("users", id=user_id)))


def test_a_scope_that_ends_well_commits_and_one_that_fails_leaves_nothing(engine_as: EngineAs) -> None:
    engine = engine_as("app_api")
    new_user(engine, 1)
    with pytest.raises(IntegrityError):
        new_user(engine, 2, then_fail=True)
    with session_scope(engine, 1) as session:
        assert session.scalars(select(User.id)).all() == [1]
    with session_scope(engine, 2) as session:
        assert session.scalars(select(User.id)).all() == []


def test_what_was_read_outlives_its_scope(engine_as: EngineAs) -> None:
    engine = engine_as("app_api")
    new_user(engine, 1)
    with session_scope(engine, 1) as session:
        user = session.scalars(select(User)).one()
    assert user.email.endswith("@example.com")


def test_a_session_works_as_its_role_with_the_roles_timeouts(engine_as: EngineAs) -> None:
    with session_scope(engine_as("app_worker"), 7) as session:
        shown = {
            name: session.execute(text(f"SHOW {name}")).scalar()
            for name in (
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_session_timeout",
                "idle_session_timeout",
                "timezone",
                "is_superuser",
                "app.user_id",
            )
        }
        assert session.execute(text("SELECT current_user::text")).scalar() == "app_worker"
    assert shown == {
        "statement_timeout": "10s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "15s",
        "idle_session_timeout": "2min",
        "timezone": "UTC",
        "is_superuser": "off",
        "app.user_id": "7",
    }


def test_a_role_that_logs_in_by_itself_has_the_timeouts_that_a_session_asks_for(
    engine_as: EngineAs, migrated_engine: Engine
) -> None:
    with migrated_engine.connect() as connection:
        settings = connection.execute(
            text("SELECT rolname, unnest(rolconfig) FROM pg_roles WHERE rolname LIKE 'app\\_%'")
        ).all()
    with session_scope(engine_as("app_api"), None) as session:
        for role, setting in settings:
            name, value = setting.split("=")
            assert session.execute(text(f"SHOW {name}")).scalar() == value, role


def test_a_statement_that_takes_too_long_is_cut_off(database: TestDatabase) -> None:
    engine = make_engine(database.settings("app_api"), statement_timeout_seconds=0.05)
    with pytest.raises(OperationalError) as cut, session_scope(engine, None) as session:
        session.execute(text("SELECT pg_sleep(5)"))
    assert sqlstate(cut.value) == "57014"
    assert backend(engine) > 0
    engine.dispose()


def test_nothing_connects_before_the_first_scope() -> None:
    engine = make_engine(Settings({"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none?sslmode=disable"}))
    engine.dispose()


def test_a_scope_inside_a_scope_fails_instead_of_waiting_for_ever(
    database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "NESTED_SCOPE_SECONDS", 0.05)
    engine = make_engine(database.settings("app_api"))
    with ExitStack() as stack:
        stack.enter_context(session_scope(engine, None))
        with pytest.raises(PoolTimeoutError):
            stack.enter_context(session_scope(engine, None))
    engine.dispose()


class TestWaits:
    """How often the server is waited for: each is a trip through the network."""

    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Record each time that an answer is waited for."""
        seen: list[str] = []
        wait = PipelinedConnection.handle_messages

        def counting(self: PipelinedConnection, context: Any) -> None:
            seen.append(context.statement)
            wait(self, context)

        monkeypatch.setattr(PipelinedConnection, "handle_messages", counting)
        return seen

    def test_a_transaction_costs_one_wait_to_begin_one_to_end_and_one_for_each_statement(
        self, engine_as: EngineAs, waits: list[str]
    ) -> None:
        engine = engine_as("app_api")
        backend(engine)
        waits.clear()
        with session_scope(engine, 42) as session:
            session.execute(select(User.id).where(User.email == "a@example.com", User.id > 0)).all()
            session.execute(select(User.id).where(User.id == 42)).all()
        assert len(waits) == 4
        assert waits[0] == "BEGIN; SELECT set_config('app.user_id', '42', true)"
        assert waits[-1] == "commit"

    def test_a_scope_that_asks_nothing_costs_its_beginning_and_its_end(
        self, engine_as: EngineAs, waits: list[str]
    ) -> None:
        engine = engine_as("app_api")
        backend(engine)
        waits.clear()
        with session_scope(engine, None):
            pass
        assert waits == ["BEGIN", "rollback"]


class TestErrors:
    """The driver knows one class of error; the DB-API's are told apart by SQLSTATE."""

    @pytest.mark.parametrize(
        ("statement", "expected", "state"),
        [
            ("INSERT INTO users (id, email, hashed_password) VALUES (:id, 'A', '')", IntegrityError, "23514"),
            ("SELECT :id FROM no_such_table", ProgrammingError, "42P01"),
            ("SELECT 1 / (:id - :id)", DBAPIError, "22012"),
            ("SELECT * FROM alembic_version WHERE :id = 1", ProgrammingError, "42501"),
        ],
    )
    def test_an_error_has_its_class_and_the_connection_goes_on(
        self, engine_as: EngineAs, statement: str, expected: type[DBAPIError], state: str
    ) -> None:
        engine = engine_as("app_api")
        served_by = backend(engine)
        with pytest.raises(expected) as failed, session_scope(engine, 1) as session:
            session.execute(text(statement.replace(":id", "CAST(:id AS integer)")), {"id": 1})
        assert sqlstate(failed.value) == state
        assert backend(engine) == served_by

    def test_an_error_that_is_caught_in_a_savepoint_leaves_the_transaction(self, engine_as: EngineAs) -> None:
        engine = engine_as("app_api")
        with session_scope(engine, 1) as session:
            session.execute(insert(User).values(valid_row("users", id=1, email="a@example.com")))
            with pytest.raises(IntegrityError), session.begin_nested():
                session.execute(insert(User).values(valid_row("users", id=1)))
        with session_scope(engine, 1) as session:
            assert session.scalars(select(User.email)).all() == ["a@example.com"]


class TestALostConnection:
    """Between two transactions a connection may break: the next one does not notice."""

    def test_one_that_the_server_ended_is_replaced(self, engine_as: EngineAs, database: TestDatabase) -> None:
        engine = engine_as("app_api")
        new_user(engine, 1)
        served_by = backend(engine)
        with connected(database.superuser_url) as connection:
            connection.run("SELECT pg_terminate_backend(:pid, 5000)", pid=served_by)
        with session_scope(engine, 1) as session:
            assert session.scalars(select(User.id)).all() == [1]
        assert backend(engine) != served_by

    def test_one_that_was_idle_for_too_long_is_replaced(
        self, engine_as: EngineAs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sessions._TIMEOUTS_MS, "idle_session_timeout", 30)
        engine = engine_as("app_api")
        served_by = backend(engine)
        time.sleep(0.15)
        assert backend(engine) != served_by

    def test_one_that_breaks_within_a_transaction_fails_it_and_the_next_goes_on(
        self, engine_as: EngineAs, database: TestDatabase
    ) -> None:
        engine = engine_as("app_api")

        def break_off() -> None:
            with session_scope(engine, 1) as session:
                session.execute(insert(User).values(valid_row("users", id=1)))
                pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
                with connected(database.superuser_url) as connection:
                    connection.run("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)
                session.execute(select(User.id)).all()

        with pytest.raises(DBAPIError) as lost:
            break_off()
        assert lost.value.connection_invalidated
        with session_scope(engine, 1) as session:
            assert session.scalars(select(User.id)).all() == []


class TestAServerThatComesAndGoes:
    """It restarts, is killed, or has no room: on a server of the tests' own."""

    @pytest.fixture(scope="module")
    @staticmethod
    def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
        """Give a server with room for three."""
        folder: Path = tmp_path_factory.mktemp("own") / "pg"
        few = {"max_connections": "4", "superuser_reserved_connections": "1", "reserved_connections": "0"}
        server = EmbeddedPostgres(folder, settings={**FAST_AND_LOSE_ON_POWER_FAILURE, **few, "autovacuum": "off"})
        server.start()
        yield server
        server.remove()

    def test_the_next_transaction_waits_for_a_server_that_restarts(self, server: EmbeddedPostgres) -> None:
        engine = make_engine(Settings({"DATABASE_URL": server.start()}))
        served_by = backend(engine)
        postgres_guardian.shut_down(server.data)
        back = threading.Timer(0.3, server.start)
        back.start()
        assert backend(engine) != served_by
        back.join()
        engine.dispose()

    def test_the_next_transaction_waits_for_room(self, server: EmbeddedPostgres) -> None:
        url = server.start()
        engine = make_engine(Settings({"DATABASE_URL": url}))
        with ExitStack() as room:
            for _ in range(3):
                room.enter_context(connected(url))
            with pytest.raises(Exception, match="53300"), connected(url):
                pass
            leaving = threading.Timer(0.3, room.pop_all().close)
            leaving.start()
            began = time.monotonic()
            assert backend(engine) > 0
            assert time.monotonic() - began > 0.2
            leaving.join()
        engine.dispose()

    def test_a_server_that_stays_away_is_given_up(
        self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "REFUSED_PATIENCE_SECONDS", 0.2)
        engine = make_engine(Settings({"DATABASE_URL": server.start()}))
        backend(engine)
        postgres_guardian.shut_down(server.data)
        with pytest.raises(DBAPIError):
            backend(engine)
        engine.dispose()


def test_with_iam_each_connection_makes_its_own_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    settings = Settings(
        {
            "DATABASE_URL": "postgresql://app_api@db.example.com:5433/tradebot",
            "DATABASE_AUTH": "iam",
            "AWS_REGION": "eu-central-1",
        }
    )
    token = str(sessions._Connector(settings, 10)._password())
    assert token.startswith("db.example.com:5433/?Action=connect&DBUser=app_api&")
    assert "X-Amz-Signature=" in token
