"""A statement that comes again is kept by the server, and nothing that happens to it there is met twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tradebot.repositories import pipelined
from tradebot.repositories.session import session_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

_LISTED = text("SELECT statement FROM pg_prepared_statements ORDER BY prepare_time")
_ADD = text("SELECT CAST(:a AS int) + 1 AS sum, CAST(:b AS text) AS said")


def _prepared(engine: Engine) -> list[str]:
    with session_scope(engine, None) as session:
        return list(session.scalars(_LISTED))


def test_a_statement_is_prepared_when_it_comes_again_and_answers_as_before(
    engine_as: Callable[[str | None], Engine],
) -> None:
    engine = engine_as(None)
    for number in range(9):
        with session_scope(engine, None) as session:
            row = session.execute(_ADD, {"a": number, "b": None if number % 2 else "ä"}).one()
        assert (row.sum, row.said) == (number + 1, None if number % 2 else "ä")
        assert len(_prepared(engine)) == (1 if number else 0)


def test_a_prepared_statement_whose_table_was_migrated_fails_once(engine_as: Callable[[str | None], Engine]) -> None:
    engine, other = engine_as(None), engine_as(None)
    read = text("SELECT changed FROM prepared_here WHERE id = :id")
    with session_scope(other, None) as session:
        session.execute(text("CREATE TABLE prepared_here (id int, changed int)"))
        session.execute(text("INSERT INTO prepared_here VALUES (1, 7)"))
    for _ in range(3):
        with session_scope(engine, None) as session:
            assert session.scalar(read, {"id": 1}) == 7
    with session_scope(other, None) as session:
        session.execute(text("ALTER TABLE prepared_here ALTER changed TYPE text"))
    with pytest.raises(DBAPIError, match="cached plan"), session_scope(engine, None) as session:
        session.scalar(read, {"id": 1})
    for _ in range(3):
        with session_scope(engine, None) as session:
            assert session.scalar(read, {"id": 1}) == "7"
    with session_scope(other, None) as session:
        session.execute(text("DROP TABLE prepared_here"))


def test_an_error_of_a_prepared_statement_leaves_the_connection_good(
    engine_as: Callable[[str | None], Engine],
) -> None:
    engine = engine_as(None)
    divide = text("SELECT 10 / CAST(:by AS int)")
    for by in (1, 2, 0, 5, 0, 2, 1):
        if by:
            with session_scope(engine, None) as session:
                assert session.scalar(divide, {"by": by}) == 10 // by
        else:
            with pytest.raises(DBAPIError, match="division by zero"), session_scope(engine, None) as session:
                session.scalar(divide, {"by": by})


def test_the_server_keeps_only_so_many_statements_of_a_connection(
    engine_as: Callable[[str | None], Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelined, "PREPARED_KEPT", 5)
    engine = engine_as(None)
    for number in range(20):
        for _ in range(2):
            with session_scope(engine, None) as session:
                assert session.scalar(text(f"SELECT CAST(:a AS int) + {number}"), {"a": 1}) == number + 1
    with session_scope(engine, None) as session:
        session.scalar(_ADD, {"a": 1, "b": ""})  # takes the last message to forget along
    assert len(_prepared(engine)) <= 5
