"""The schema's history: what it makes is what the models say, on any login and beside any other migration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.fixtures.database import connected, in_database
from tests.fixtures.rows import Owner
from tradebot.migrations import upgrade as upgrading
from tradebot.migrations.upgrade import configuration, downgrade, upgrade
from tradebot.models import Base
from tradebot.repositories.session import make_engine, sqlstate
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from tests.fixtures.database import TestDatabase, TestServer

    EngineAs = Callable[[str | None], Engine]

ROLES = {"app_api", "app_worker", "app_dispatcher", "app_maintenance", "app_lookup"}


def head() -> str:
    scripts = ScriptDirectory("layers/core/tradebot/migrations")
    return str(scripts.get_current_head())


def rules_and_indexes(connection: Connection) -> dict[str, str]:
    """Return what Postgres itself holds of constraints, indexes, columns and defaults."""
    constraints = connection.execute(
        text(
            "SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND conrelid <> 0"
        )
    )
    indexes = connection.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"))
    columns = connection.execute(
        text(
            "SELECT c.table_name || '.' || column_name,"
            " concat_ws(' ', udt_name, character_maximum_length, numeric_precision, numeric_scale, is_nullable,"
            " column_default, identity_generation)"
            " FROM information_schema.columns AS c WHERE table_schema = 'public'"
        )
    )
    found = {str(name): str(definition) for rows in (constraints, indexes, columns) for name, definition in rows}
    return {name: definition for name, definition in found.items() if "alembic_version" not in name}


def test_upgrade_from_empty_equals_the_models(
    database: TestDatabase, migrated_engine: Engine, postgres_server: TestServer
) -> None:
    with migrated_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        migrated = rules_and_indexes(connection)
    # Autogenerate compares neither CHECKs nor the terms of partial and descending indexes.
    name = f"{database.url.rsplit('/', 1)[1].split('?')[0]}_models"
    with connected(postgres_server.url) as server:
        server.run(f"CREATE DATABASE {name}")
        engine = make_engine(Settings({"DATABASE_URL": in_database(postgres_server.url, name)}))
        with engine.connect() as connection, connection.begin():
            Base.metadata.create_all(connection)
            modelled = rules_and_indexes(connection)
        engine.dispose()
        server.run(f"DROP DATABASE {name} WITH (FORCE)")
    assert len(modelled) > 250
    assert migrated == modelled


def test_each_revision_goes_one_step_back_and_forth_again(engine_as: EngineAs, migrated_engine: Engine) -> None:
    owner = engine_as(None)
    steps = []
    while (revision := downgrade(owner, "-1")) != "base":
        steps.append(revision)
    with migrated_engine.connect() as connection:
        assert set(rules_and_indexes(connection)) == set()
        functions = text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        assert connection.execute(functions).all() == []
    for revision in reversed(steps):
        assert upgrade(owner, revision) == revision
    assert upgrade(owner) == head()


def test_upgrade_leaves_the_rows_of_a_database_in_use(engine_as: EngineAs, migrated_engine: Engine) -> None:
    with migrated_engine.begin() as connection:
        owner = Owner(connection)
    assert upgrade(engine_as(None)) == head()
    with migrated_engine.connect() as connection:
        for name, row_id in owner.ids.items():
            assert connection.execute(text(f"SELECT id FROM {name}")).scalars().all() == [row_id]


def test_a_migration_gives_up_soon_where_somebody_holds_a_table(
    engine_as: EngineAs, migrated_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "LOCK_TIMEOUT", "50ms")
    with migrated_engine.connect() as holder, holder.begin():
        holder.execute(text("SELECT FROM users"))
        with pytest.raises(DBAPIError) as refused:
            downgrade(engine_as(None), "base")
    assert sqlstate(refused.value) == "55P03"


def test_migrations_of_one_database_at_once_wait_for_each_other(database: TestDatabase) -> None:
    engines = [make_engine(database.settings()) for _ in range(3)]
    downgrade(engines[0], "base")
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(upgrade, engines)) == [head()] * 3
    for engine in engines:
        engine.dispose()


def test_the_configuration_names_files_by_their_date(migrated_engine: Engine) -> None:
    with migrated_engine.connect() as connection:
        scripts = ScriptDirectory.from_config(configuration(connection))
    for script in scripts.walk_revisions():
        assert script.path.rsplit("/", 1)[1].startswith(script.revision), script.path
