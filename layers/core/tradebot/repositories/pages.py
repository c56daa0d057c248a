"""One page of a list, and where the next begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import tuple_

from tradebot.repositories.cursors import decode_position, encode_position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.orm import InstrumentedAttribute, Session


#: Some columns of one row, by name.
Record: TypeAlias = "Row[*tuple[Any, ...]]"
#: A SELECT of such.
Query: TypeAlias = "Select[*tuple[Any, ...]]"


@dataclass(frozen=True, slots=True)
class Page:
    """Items, and the cursor of the page after them; None at the end."""

    items: Sequence[Record]
    next_cursor: str | None


def newest_first(
    session: Session,
    query: Query,
    at: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[int],
    *,
    limit: int,
    cursor: str | None,
) -> Page:
    """Run `query` (which selects `at` and `row_id`) by descending (at, id) from `cursor` on."""
    if cursor is not None:
        position = decode_position(cursor)
        key: ColumnElement[bool] = tuple_(at, row_id) < tuple_(position.at, position.id)
        query = query.where(key)
    # One more than asked for tells whether there is a next page.
    rows = session.execute(query.order_by(at.desc(), row_id.desc()).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], encode_position(getattr(last, at.key), getattr(last, row_id.key)))


def last_recorded_first(
    session: Session,
    query: Query,
    at: InstrumentedAttribute[Any],
    row_id: InstrumentedAttribute[int],
    *,
    limit: int,
    cursor: str | None,
) -> Page:
    """Run `query` (which selects `at` and `row_id`) by descending id: the order in which rows were recorded."""
    if cursor is not None:
        query = query.where(row_id < decode_position(cursor).id)
    rows = session.execute(query.order_by(row_id.desc()).limit(limit + 1)).all()
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    return Page(rows[:limit], encode_position(getattr(last, at.key), getattr(last, row_id.key)))
