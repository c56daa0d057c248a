"""The engine and the transaction. Every query of this package runs in a session that `session_scope` gives.

One connection per process, since a function serves one request at a time; given back between transactions.
"""

from __future__ import annotations

import random
import ssl
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from pg8000.exceptions import Error as DriverError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tradebot.errors import ConfigurationError
from tradebot.repositories.pipelined import PipelinedConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from tradebot.settings import Settings

STATEMENT_TIMEOUT_SECONDS = 10
#: Milliseconds. They stand on the roles too, but a login that switches to a role does not get the role's.
_TIMEOUTS_MS = {
    "lock_timeout": 3_000,
    "idle_in_transaction_session_timeout": 15_000,
    # An idle session keeps a serverless database awake; a bot's next tick is a minute away.
    "idle_session_timeout": 120_000,
}
#: Beyond the statement's own timeout, how long an answer may take before the server counts as gone.
_NETWORK_GRACE_SECONDS = 10
#: How long a connection is waited for where the server is full (53300) or starting up (57P03).
CONNECT_PATIENCE_SECONDS = 10.0
#: And where nobody listens: a server that restarts is back within this, another is not waited for.
REFUSED_PATIENCE_SECONDS = 2.0
#: Only a session_scope inside another one waits for the pool, and would wait for ever: it is a mistake in the code.
NESTED_SCOPE_SECONDS = 5.0


class _Connector:
    """Opens connections. Holds what is expensive to make: an SSL context costs 28 ms, a client of RDS 300."""

    def __init__(self, settings: Settings, statement_timeout_seconds: float) -> None:
        self._settings = settings
        self._statement_timeout_seconds = statement_timeout_seconds
        self._parts = urlsplit(settings.database_url)
        self._context: ssl.SSLContext | None = None
        self._rds: Any = None

    def __call__(self) -> Any:
        """Return a new connection of the driver; wait, with jitter, for a server that has no room or is not up."""
        began = time.monotonic()
        attempt = 0
        while True:
            try:
                return self._connect()
            except DriverError as error:
                patience = _patience_seconds(error)
                attempt += 1
                pause = random.uniform(0.5, 1.0) * min(0.05 * 2**attempt, 1.0)  # noqa: S311  jitter is no secret
                if time.monotonic() - began + pause > patience:
                    raise
                time.sleep(pause)

    def _connect(self) -> Any:
        parts = self._parts
        return PipelinedConnection(
            unquote(parts.username or ""),
            host=parts.hostname,
            port=parts.port or 5432,
            database=unquote(parts.path[1:]),
            password=self._password(),
            ssl_context=self._ssl_context(),
            timeout=self._statement_timeout_seconds + _NETWORK_GRACE_SECONDS,
            application_name=self._settings.database_role or "tradebot",
            startup_params=self._startup_parameters(),
        )

    def _startup_parameters(self) -> dict[str, str]:
        parameters = {name: str(value) for name, value in _TIMEOUTS_MS.items()}
        parameters["statement_timeout"] = str(int(self._statement_timeout_seconds * 1000))
        parameters["TimeZone"] = "UTC"
        if role := self._settings.database_role:
            parameters["role"] = role
        return parameters

    def _password(self) -> str | None:
        if self._settings.database_auth == "password":
            return None if self._parts.password is None else unquote(self._parts.password)
        if self._rds is None:
            import boto3  # noqa: PLC0415  only deployments that use it pay for its import

            self._rds = boto3.client("rds", region_name=self._settings.region)
        token: str = self._rds.generate_db_auth_token(
            DBHostname=self._parts.hostname,
            Port=self._parts.port or 5432,
            DBUsername=unquote(self._parts.username or ""),
        )
        return token

    def _ssl_context(self) -> ssl.SSLContext | bool:
        """Return a context that verifies chain and name, or False: None and True would accept any certificate."""
        if self._ssl_mode() == "disable":
            return False
        if self._context is None:
            self._context = ssl.create_default_context(cafile=self._settings.database_ca_file)
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context

    def _ssl_mode(self) -> str:
        mode = parse_qs(self._parts.query).get("sslmode", ["verify-full"])[-1]
        if mode not in {"disable", "verify-full"}:
            raise ConfigurationError(
                f"sslmode={mode} in DATABASE_URL: it may be verify-full (the default), or disable on one's own machine"
            )
        return mode


def make_engine(settings: Settings, *, statement_timeout_seconds: float = STATEMENT_TIMEOUT_SECONDS) -> Engine:
    """Return an engine that connects when it is first used, as the role of `settings`."""
    return create_engine(
        "postgresql+pg8000://",
        creator=_Connector(settings, statement_timeout_seconds),
        pool_size=1,
        max_overflow=0,
        pool_timeout=NESTED_SCOPE_SECONDS,
    )


@contextmanager
def session_scope(engine: Engine, user_id: int | None) -> Iterator[Session]:
    """Give one transaction of `user_id` (None sees no user's rows): committed at the end, rolled back on an error.

    A connection that broke since the last transaction is replaced before anything is sent in this one.
    """
    with (
        _begun(engine, user_id) as connection,
        Session(bind=connection, expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


def commit_without_waiting(session: Session) -> None:
    """Let this transaction's commit not wait for the disk, for what may be lost in a crash.

    For who is known a row is written and for who is not there is none: waiting for it would tell the two apart.
    """
    session.execute(text("SET LOCAL synchronous_commit = off"))


def _begun(engine: Engine, user_id: int | None) -> Connection:
    connection = engine.connect()
    try:
        _begin(connection, user_id)
    except DriverError:
        # Idle for too long, or the server restarted. Nothing was sent yet but this, so once more, on a new one.
        connection.invalidate()
        connection.close()
        connection = engine.connect()
        try:
            _begin(connection, user_id)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
    return connection


def _begin(connection: Connection, user_id: int | None) -> None:
    # One wait for the server instead of four: BEGIN and the user's id in one message, by the driver itself.
    # set_config is local to the transaction, so that nothing of a user stays with the connection.
    statement = "BEGIN"
    if user_id is not None:
        statement += f"; SELECT set_config('app.user_id', '{int(user_id)}', true)"
    connection.connection.driver_connection.execute_simple(statement)  # type: ignore[union-attr]  # it is connected


def sqlstate(error: BaseException) -> str | None:
    """Return the five characters by which Postgres names an error; None where it did not come from the server."""
    original = error.orig if isinstance(error, DBAPIError) else error
    details = original.args[0] if original is not None and original.args else None
    return details.get("C") if isinstance(details, dict) else None


def _patience_seconds(error: Exception) -> float:
    if sqlstate(error) in {"53300", "57P03"}:
        return CONNECT_PATIENCE_SECONDS
    return REFUSED_PATIENCE_SECONDS if isinstance(error.__cause__, ConnectionRefusedError) else 0.0
