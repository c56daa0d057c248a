"""pg8000 with fewer waits: a statement with parameters waits for the server once instead of three times.

It also gives errors their DB-API class, by SQLSTATE, where pg8000 has one class for all.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pg8000.dbapi
from pg8000 import core
from pg8000.converters import make_params
from pg8000.exceptions import InterfaceError

#: By class of SQLSTATE; whatever is not named is a DatabaseError.
_ERROR_CLASSES: dict[str, type[pg8000.dbapi.DatabaseError]] = {
    "08": pg8000.dbapi.OperationalError,  # connection
    "22": pg8000.dbapi.DataError,
    "23": pg8000.dbapi.IntegrityError,
    "28": pg8000.dbapi.OperationalError,  # login refused
    "40": pg8000.dbapi.OperationalError,  # serialization, deadlock
    "42": pg8000.dbapi.ProgrammingError,  # syntax, privileges, row level security
    "53": pg8000.dbapi.OperationalError,  # resources, too many connections
    "55": pg8000.dbapi.OperationalError,  # lock not available
    "57": pg8000.dbapi.OperationalError,  # cancelled, shut down, starting up
}


@lru_cache(maxsize=512)
def _with_numbered_parameters(operation: str) -> str:
    # pg8000 scans a statement character by character on every execution; there are only so many statements.
    return str(pg8000.dbapi.convert_paramstyle("format", operation, ())[0])


class PipelinedCursor(pg8000.dbapi.Cursor):  # type: ignore[misc]  # pg8000 has no types
    """A cursor over `PipelinedConnection`."""

    def execute(self, operation: str, args: Any = (), stream: Any = None) -> None:
        """Run one statement; see pg8000."""
        if stream is not None or not args:
            super().execute(operation, args, stream)
            return
        connection = self._c
        if connection is None:
            raise InterfaceError("Cursor closed")
        if not connection._in_transaction and not connection.autocommit:  # noqa: SLF001  ours: it is our subclass
            connection.execute_simple("begin transaction")
        oids: Any = self._input_oids
        self._context = connection.execute_unnamed(_with_numbered_parameters(operation), args, oids)
        self._row_iter = None if self._context.rows is None else iter(self._context.rows)
        self._input_oids: Any = ()
        self.input_types: list[Any] = []


class PipelinedConnection(pg8000.dbapi.Connection):  # type: ignore[misc]  # pg8000 has no types
    """Sends parse, bind, describe, execute and sync together and reads all the answers after."""

    def cursor(self) -> PipelinedCursor:
        """Return a cursor."""
        return PipelinedCursor(self)

    def execute_unnamed(self, statement: str, vals: Any = (), oids: Any = (), stream: Any = None) -> Any:
        """Run one statement with parameters, waiting for the server once."""
        if stream is not None:
            return super().execute_unnamed(statement, vals, oids, stream)
        if self._sock is None:
            raise InterfaceError("connection is closed")
        context = core.Context(statement)
        encoding = self._client_encoding
        parse = bytearray(core.NULL_BYTE + statement.encode(encoding) + core.NULL_BYTE + core.H_pack(len(oids)))
        for oid in oids:
            parse += core.i_pack(0 if oid == -1 else oid)
        values = make_params(self.py_types, vals)
        bind = bytearray(core.NULL_BYTE + core.NULL_BYTE + core.H_pack(0) + core.H_pack(len(values)))
        for value in values:
            if value is None:
                bind += core.i_pack(-1)
            else:
                encoded = value.encode(encoding)
                bind += core.i_pack(len(encoded)) + encoded
        bind += core.H_pack(0)
        # After an error the server skips to the sync, so that one ReadyForQuery ends it either way.
        message = b"".join(
            (
                core._create_message(core.PARSE, bytes(parse)),  # noqa: SLF001  pg8000 has no public name for it
                core._create_message(core.BIND, bytes(bind)),  # noqa: SLF001
                core._create_message(core.DESCRIBE, core.PORTAL + core.NULL_BYTE),  # noqa: SLF001
                core.EXECUTE_MSG,
                core.SYNC_MSG,
            )
        )
        core._write(self._sock, message)  # noqa: SLF001
        core._flush(self._sock)  # noqa: SLF001
        self.handle_messages(context)
        return context

    def handle_ERROR_RESPONSE(self, data: Any, context: Any) -> None:  # noqa: N802  pg8000's name
        """Keep the error, of the class that its SQLSTATE asks for."""
        super().handle_ERROR_RESPONSE(data, context)
        details = context.error.args[0]
        context.error = _ERROR_CLASSES.get(details.get("C", "")[:2], pg8000.dbapi.DatabaseError)(details)

    def close(self) -> None:
        """Close. That the server was quicker is no error."""
        try:
            super().close()
        except InterfaceError as error:
            if "network error" not in str(error):
                raise
