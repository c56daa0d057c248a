"""The connection to Postgres, as the function's role or, for migrations, as the tables' owner."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from tradebot.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from tradebot.services.user_sessions import OpenSession


@cache
def database_engine() -> Engine:
    """Return the process's engine. Whoever holds it also meets secrets, so logs are redacted from here on."""
    from tradebot.observability import logger
    from tradebot.repositories.session import make_engine
    from tradebot.security.redaction import install_redaction

    install_redaction(logger().handlers)
    return make_engine(load_settings())


def open_session() -> OpenSession:
    """Return what opens one transaction as a user, or as nobody yet."""
    from tradebot.repositories.database_errors import translated_session

    return partial(translated_session, database_engine())


@cache
def migrator() -> Callable[[str], str]:
    """Return what brings the database to a revision and names the one it has then; it works as the tables' owner."""
    from tradebot.migrations.upgrade import STATEMENT_TIMEOUT_SECONDS, upgrade
    from tradebot.observability import logger
    from tradebot.repositories.session import make_engine
    from tradebot.security.redaction import install_redaction

    install_redaction(logger().handlers)
    return partial(upgrade, make_engine(load_settings(), statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS))
