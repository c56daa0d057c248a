"""pg8000 with less work on both sides: one wait for each statement, and what comes again is parsed and planned once.

It also gives errors their DB-API class, by SQLSTATE, where pg8000 has one class for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
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


#: Of one connection. A worker has some thirty statements that come again, the API several times as many.
PREPARED_KEPT = 200
_HEADER, _INT = Struct("!ci"), Struct("!i")
_MISSING = _INT.pack(-1)


@dataclass(slots=True)
class _Statement:
    """A statement that this connection has sent; the server keeps it under `name` from the second time on."""

    name: bytes = b""
    columns: list[dict[str, Any]] | None = None
    input_funcs: Any = ()


class PipelinedConnection(pg8000.dbapi.Connection):  # type: ignore[misc]  # pg8000 has no types
    """Sends all of a statement's messages together and reads all the answers after; prepares what comes again."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Connect; see pg8000."""
        self._statements: dict[tuple[str, tuple[int, ...]], _Statement] = {}
        self._names = 0
        #: Messages that go out before the next statement: the server shall forget what is not used any more.
        self._forgotten = b""
        super().__init__(*arguments, **named)

    def cursor(self) -> PipelinedCursor:
        """Return a cursor."""
        return PipelinedCursor(self)

    def commit(self) -> None:
        """Commit, by the shortest message that does."""
        self.execute_simple("commit")

    def execute_unnamed(self, statement: str, vals: Any = (), oids: Any = (), stream: Any = None) -> Any:
        """Run one statement with parameters, waiting for the server once."""
        if stream is not None:
            return super().execute_unnamed(statement, vals, oids, stream)
        if self._sock is None:
            raise InterfaceError("connection is closed")
        key = (statement, tuple(oids))
        known = self._statements.pop(key, None)
        is_prepared = known is not None and bool(known.name)
        if known is None:
            known = _Statement()
        elif not is_prepared:
            self._names += 1
            known.name = b"tb%d" % self._names
        columns = known.columns if is_prepared else None
        context = core.Context(statement, columns=columns, input_funcs=known.input_funcs if is_prepared else None)
        # After an error the server skips to the sync, so that one ReadyForQuery ends it either way.
        message = (
            self._forgotten,
            b"" if is_prepared else _parse(known.name, statement.encode(self._client_encoding), key[1]),
            self._bind(known.name, vals),
            b"" if is_prepared else _DESCRIBE_PORTAL,
            core.EXECUTE_MSG,
            core.SYNC_MSG,
        )
        core._write(self._sock, b"".join(message))  # noqa: SLF001  pg8000 has no public name for it
        core._flush(self._sock)  # noqa: SLF001
        self._forgotten = b""
        try:
            self.handle_messages(context)
        except Exception:
            # It may be the plan that is at fault: of a table that was migrated meanwhile it is of no use any more.
            self._forget(known)
            raise
        known.columns, known.input_funcs = context.columns, context.input_funcs
        self._statements[key] = known
        if len(self._statements) > PREPARED_KEPT:
            self._forget(self._statements.pop(next(iter(self._statements))))
        return context

    def _forget(self, statement: _Statement) -> None:
        if statement.name:
            self._forgotten += _message(core.CLOSE, core.STATEMENT + statement.name + core.NULL_BYTE)

    def _bind(self, name: bytes, vals: Any) -> bytes:
        values = make_params(self.py_types, vals)
        encoding = self._client_encoding
        parts = [core.NULL_BYTE, name, core.NULL_BYTE, core.H_pack(0), core.H_pack(len(values))]
        for value in values:
            if value is None:
                parts.append(_MISSING)
            else:
                encoded = value.encode(encoding)
                parts += (_INT.pack(len(encoded)), encoded)
        parts.append(core.H_pack(0))
        return _message(core.BIND, b"".join(parts))

    def handle_messages(self, context: Any) -> None:
        """Read what the server says up to its ReadyForQuery; see pg8000, which copies every part of it twice."""
        read, handlers, encoding = self._sock.read, self.message_types, self._client_encoding
        code = None
        try:
            while code != core.READY_FOR_QUERY:
                code, length = _HEADER.unpack(_whole(read(5), 5))
                data = _whole(read(length - 4), length - 4)
                if code == core.DATA_ROW:
                    context.rows.append(_row(data, context.input_funcs, encoding))
                elif code not in _SILENT:
                    handlers[code](data, context)
        except OSError as error:
            raise InterfaceError("network error") from error
        if context.error is not None:
            raise context.error

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


#: Parse, bind and close complete; no data.
_SILENT = frozenset((b"1", b"2", b"3", b"n"))


def _message(code: bytes, data: bytes) -> bytes:
    return code + _INT.pack(len(data) + 4) + data


_DESCRIBE_PORTAL = _message(core.DESCRIBE, core.PORTAL + core.NULL_BYTE)


def _parse(name: bytes, statement: bytes, oids: tuple[int, ...]) -> bytes:
    types = b"".join(_INT.pack(0 if oid == -1 else oid) for oid in oids)
    return _message(core.PARSE, b"".join((name, b"\0", statement, b"\0", core.H_pack(len(oids)), types)))


def _whole(data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise InterfaceError("network error")  # the line ended: the name by which SQLAlchemy knows it
    return data


def _row(data: bytes, input_funcs: Any, encoding: str) -> list[Any]:
    row: list[Any] = []
    at = 2
    for read in input_funcs:
        (size,) = _INT.unpack_from(data, at)
        at += 4
        if size == -1:
            row.append(None)
        else:
            row.append(read(data[at : at + size].decode(encoding)))
            at += size
    return row
