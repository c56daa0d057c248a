"""Conditions that several lists share."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import InstrumentedAttribute

    from tradebot.domain.span import Span
    from tradebot.models import Base
    from tradebot.repositories.pages import Query

#: Columns and the values that they have to have; None asks for nothing.
Filters: TypeAlias = "Mapping[str, object]"


def within(query: Query, at: InstrumentedAttribute[datetime], span: Span) -> Query:
    """Return `query` held to rows of which `at` lies in `span`."""
    if span.since is not None:
        query = query.where(at >= span.since)
    if span.until is not None:
        query = query.where(at < span.until)
    return query


def where_equal(query: Query, table: type[Base], filters: Filters) -> Query:
    """Return `query` held to each named column's value; a value of None asks for nothing."""
    for name, value in filters.items():
        if value is not None:
            query = query.where(getattr(table, name) == value)
    return query
