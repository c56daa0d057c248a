"""Roles are the cluster's: what has to find none of them, or others', gets a cluster of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from tests.fixtures.database import connected, in_database
from tradebot.migrations.upgrade import downgrade, upgrade
from tradebot.repositories.session import make_engine
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

MIGRATE = """
import sys
from tradebot.migrations.upgrade import upgrade
from tradebot.repositories.session import make_engine
from tradebot.settings import Settings
engine = make_engine(Settings({"DATABASE_URL": sys.argv[1]}))
engine.connect().close()
print("ready", flush=True)
sys.stdin.readline()
print(upgrade(engine))
"""
ROLES = {"app_api", "app_worker", "app_dispatcher", "app_maintenance", "app_lookup"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("own") / "pg", settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def engines(server: EmbeddedPostgres) -> Iterator[list[Engine]]:
    """Give the owners of four databases of one cluster that has no role of ours."""
    url = server.start()
    names = [f"first_{number}" for number in range(4)]
    with connected(url) as connection:
        for name in names:
            connection.run(f"CREATE DATABASE {name}")
        engines = [make_engine(Settings({"DATABASE_URL": in_database(url, name)})) for name in names]
        yield engines
        for engine in engines:
            engine.dispose()
        for name in names:
            connection.run(f"DROP DATABASE {name} WITH (FORCE)")
    with connected(server.superuser_url) as connection:
        for role in ROLES:
            connection.run(f"DROP ROLE IF EXISTS {role}")


def test_several_databases_make_the_roles_at_once_under_a_login_that_is_no_superuser(
    server: EmbeddedPostgres, engines: list[Engine]
) -> None:
    urls = [in_database(server.start(), f"first_{number}") for number in range(len(engines))]
    # Processes: Alembic keeps what it runs in globals. They import first and migrate at one signal.
    migrators = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for url in urls
    ]
    for migrator in migrators:
        assert migrator.stdout is not None
        assert migrator.stdout.readline() == "ready\n"
    for migrator in migrators:
        assert migrator.stdin is not None
        migrator.stdin.write("go\n")
    answers = [migrator.communicate(timeout=60)[0] for migrator in migrators]
    assert answers == [f"{upgrade(engines[0])}\n"] * len(engines)
    with engines[0].connect() as connection:
        assert not connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar()
        found = roles(connection)
    assert {name for name, *_ in found} == ROLES
    for _, can_login, is_powerful, settings in found:
        assert not can_login
        assert not is_powerful
        assert {setting.split("=")[0] for setting in settings} == {
            "statement_timeout",
            "lock_timeout",
            "idle_in_transaction_session_timeout",
            "idle_session_timeout",
        }


def test_on_rds_the_functions_roles_log_in_by_iam(server: EmbeddedPostgres, engines: list[Engine]) -> None:
    with connected(server.superuser_url) as connection:
        connection.run("CREATE ROLE rds_iam")
        connection.run("GRANT rds_iam TO tradebot WITH ADMIN OPTION")
    upgrade(engines[0])
    upgrade(engines[1])
    with engines[0].connect() as connection:
        assert {name for name, can_login, *_ in roles(connection) if can_login} == ROLES - {"app_lookup"}
        members = connection.execute(
            text("SELECT rolname FROM pg_roles WHERE pg_has_role(oid, 'rds_iam', 'MEMBER') AND NOT rolsuper")
        )
        assert set(members.scalars()) >= ROLES - {"app_lookup"}
        assert "app_lookup" not in set(members.scalars())
    for engine in engines[:2]:
        downgrade(engine, "base")
    with connected(server.superuser_url) as connection:
        connection.run("DROP ROLE rds_iam")


def roles(connection: Connection) -> list[Any]:
    return list(
        connection.execute(
            text(
                "SELECT rolname, rolcanlogin, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb, rolconfig"
                " FROM pg_roles WHERE rolname LIKE 'app\\_%'"
            )
        )
    )
