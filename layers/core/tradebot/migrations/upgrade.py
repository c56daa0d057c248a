"""Bring a database to a revision: one transaction, one migrator at a time, and no long wait for anybody's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

#: Any number will do, as long as nobody else takes an advisory lock by it.
ADVISORY_LOCK = 7_452_341_950_118
WAIT_FOR_ANOTHER_MIGRATOR = "120s"
#: A migration that waits for a lock holds up everybody who comes after it: give up soon and run again.
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT_SECONDS = 300


def upgrade(engine: Engine, revision: str = "head") -> str:
    """Upgrade to `revision` and return the one that the database has then."""
    return _run(engine, lambda config: command.upgrade(config, revision))


def downgrade(engine: Engine, revision: str = "-1") -> str:
    """Downgrade to `revision` (`base` is an empty database) and return the one that the database has then."""
    return _run(engine, lambda config: command.downgrade(config, revision))


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for `connection`. There is no alembic.ini: nothing in it would be ours to set."""
    config = Config()
    config.set_main_option("script_location", "tradebot:migrations")
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(hour).2d%%(minute).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def _run(engine: Engine, act: Callable[[Config], None]) -> str:
    with engine.connect() as connection, connection.begin():
        _set_local(connection, "idle_in_transaction_session_timeout", f"{STATEMENT_TIMEOUT_SECONDS}s")
        _set_local(connection, "statement_timeout", f"{STATEMENT_TIMEOUT_SECONDS}s")
        _set_local(connection, "lock_timeout", WAIT_FOR_ANOTHER_MIGRATOR)
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
        _set_local(connection, "lock_timeout", LOCK_TIMEOUT)
        act(configuration(connection))
        return MigrationContext.configure(connection).get_current_revision() or "base"


def _set_local(connection: Connection, setting: str, value: str) -> None:
    connection.execute(text(f"SET LOCAL {setting} = '{value}'"))
