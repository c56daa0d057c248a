"""What Postgres refuses, in the product's own errors, so that no constraint's words reach a caller as a crash."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pg8000.exceptions import Error as DriverError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tradebot.errors import ConflictError, DatabaseUnavailableError, InvalidInputError, TradeBotError
from tradebot.repositories.session import session_scope, sqlstate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

#: Classes of SQLSTATE after which the same request may succeed: connection, rollback, resources, lock, operator.
_PASSING = ("08", "40", "53", "55", "57")
_UNIQUE = "23505"
_REFERENCE = ("23503", "23001")
#: CHECK, and values that their column cannot hold: too long, too large, not encodable.
_VALUE = ("23514", "22001", "22003", "22021", "22P05")


@contextmanager
def translated_session(engine: Engine, user_id: int | None) -> Iterator[Session]:
    """As `session_scope`, with the database's errors as the product's."""
    try:
        with session_scope(engine, user_id) as session:
            yield session
    except (DBAPIError, DriverError, PoolTimeoutError) as error:
        translated = _translated(error)
        if translated is None:
            raise
        raise translated from error


def _translated(error: Exception) -> TradeBotError | None:
    state = sqlstate(error)
    if state is None or state.startswith(_PASSING):
        return DatabaseUnavailableError("The database does not answer; try again in a moment.")
    if state == _UNIQUE:
        return ConflictError("The same thing is there already.")
    if state in _REFERENCE:
        return ConflictError("What this refers to is gone, or is needed by something else; look again and repeat.")
    if state in _VALUE:
        return InvalidInputError("A value breaks a rule of its column.", field="body", rule=_constraint(error))
    return None


def _constraint(error: Exception) -> str:
    original = error.orig if isinstance(error, DBAPIError) else error
    details = original.args[0] if original is not None and original.args else None
    return str(details.get("n", "value_out_of_range")) if isinstance(details, dict) else "value_out_of_range"
