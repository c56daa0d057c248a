"""Backtests: what was asked, how far it is, what came out. A row that has come to its end never changes again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Interval, String, cast, delete, func, insert, literal, select, text, update

from tradebot.errors import NotFoundError
from tradebot.models import Backtest, BacktestStatus
from tradebot.models.backtest import UNFINISHED
from tradebot.repositories.filters import where_equal, within
from tradebot.repositories.pages import Page, newest_first

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tradebot.domain.span import Span
    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Query, Record

_BULK = {"user_id", "metrics", "daily_results", "monthly_results", "candles_uri", "equity_curve_uri"}
#: Amounts, whose columns are floats: exact where they were asked for, and where they came out.
_EXACT = (
    Backtest.parameters["config"]["initial_capital"].astext.label("initial_capital"),
    *(Backtest.metrics[name].astext.label(name) for name in ("final_capital", "total_fees", "avg_profit")),
)
#: All but the results' bulk.
_SHOWN = (
    *(one for one in Backtest.__table__.columns if one.name not in _BULK and one.name not in {e.name for e in _EXACT}),
    *_EXACT,
)
_RESULTS = (Backtest.metrics, Backtest.daily_results, Backtest.monthly_results)
_DONT_SYNCHRONISE = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class UnfinishedBacktest:
    """A row that says that it is under way, and its execution's name."""

    backtest_id: int
    user_id: int
    execution_name: str


# --- For its user ---


def insert_backtest(session: Session, user_id: int, values: Mapping[str, Any]) -> int:
    """Insert, pending, and return the id, which is its execution's name, too."""
    backtest_id: int = session.scalars(insert(Backtest).values(**values, user_id=user_id).returning(Backtest.id)).one()
    session.execute(
        update(Backtest)
        .where(Backtest.id == backtest_id, Backtest.user_id == user_id)
        .values(execution_name=cast(Backtest.id, String)),
        execution_options=_DONT_SYNCHRONISE,
    )
    return backtest_id


def count_unfinished(session: Session, user_id: int) -> int:
    """Return how many of the user's backtests are under way."""
    query = select(func.count()).select_from(Backtest).where(Backtest.user_id == user_id, text(UNFINISHED))
    return session.scalar(query) or 0


def count_backtests(session: Session, user_id: int) -> int:
    """Return how many backtests the user keeps."""
    return session.scalar(select(func.count()).select_from(Backtest).where(Backtest.user_id == user_id)) or 0


def list_backtests(
    session: Session, user_id: int, *, filters: Filters, asked: Span, limit: int, cursor: str | None
) -> Page:
    """Return a page of the user's backtests, newest first. `filters`: status, symbol."""
    query: Query = select(*_SHOWN, func.now().label("read_at")).where(Backtest.user_id == user_id)
    query = within(where_equal(query, Backtest, filters), Backtest.created_at, asked)
    return newest_first(session, query, Backtest.created_at, Backtest.id, limit=limit, cursor=cursor)


def get_backtest(session: Session, user_id: int, backtest_id: int) -> Record:
    """Return the user's backtest without its results' bulk. Raises NotFoundError."""
    query: Query = select(*_SHOWN, func.now().label("read_at"))
    return _found(session.execute(query.where(Backtest.id == backtest_id, Backtest.user_id == user_id)))


def get_results(session: Session, user_id: int, backtest_id: int) -> Record:
    """Return the user's backtest with its results. Raises NotFoundError."""
    query: Query = select(*_SHOWN, *_RESULTS, func.now().label("read_at"))
    return _found(session.execute(query.where(Backtest.id == backtest_id, Backtest.user_id == user_id)))


def delete_backtest(session: Session, user_id: int, backtest_id: int) -> None:
    """Delete the row."""
    session.execute(delete(Backtest).where(Backtest.id == backtest_id, Backtest.user_id == user_id))


# --- For its steps ---


def read_unfinished(session: Session, user_id: int, backtest_id: int) -> Record | None:
    """Return what the steps need of a backtest, None where it has come to its end or is not there."""
    query: Query = select(*_SHOWN).where(Backtest.id == backtest_id, Backtest.user_id == user_id, text(UNFINISHED))
    return session.execute(query).one_or_none()


def begin_backtest(session: Session, user_id: int, backtest_id: int, *, estimated_seconds: float) -> bool:
    """Record that it runs and how long that takes; tell whether it still may."""
    return _changed(
        session,
        user_id,
        backtest_id,
        status=BacktestStatus.RUNNING,
        started_at=func.coalesce(Backtest.started_at, func.now()),
        estimated_seconds=estimated_seconds,
    )


def add_progress(session: Session, user_id: int, backtest_id: int, *, share: float, most: float) -> bool:
    """Let the progress grow by a share, up to `most`; tell whether the backtest still may run."""
    return _changed(
        session,
        user_id,
        backtest_id,
        progress=func.greatest(Backtest.progress, func.least(Backtest.progress + share, most)),
    )


def reach_progress(session: Session, user_id: int, backtest_id: int, *, progress: float) -> bool:
    """Let the progress be at least so far; tell whether the backtest still may run."""
    return _changed(session, user_id, backtest_id, progress=func.greatest(Backtest.progress, progress))


def succeed(session: Session, user_id: int, backtest_id: int, results: Mapping[str, Any]) -> bool:
    """Store the results; tell whether the backtest still ran."""
    return _changed(
        session,
        user_id,
        backtest_id,
        status=BacktestStatus.SUCCEEDED,
        progress=1.0,
        finished_at=func.now(),
        **results,
    )


def fail(session: Session, user_id: int, backtest_id: int, *, reason: str) -> bool:
    """Record why it came to nothing; tell whether the backtest still ran."""
    return _changed(
        session,
        user_id,
        backtest_id,
        status=BacktestStatus.FAILED,
        error_message=reason,
        finished_at=func.now(),
    )


def cancel(session: Session, user_id: int, backtest_id: int) -> bool:
    """Record that its user wants it no longer; tell whether it still ran."""
    return _changed(session, user_id, backtest_id, status=BacktestStatus.CANCELLED, finished_at=func.now())


# --- For maintenance ---


def find_unfinished(session: Session, *, older_than_seconds: int, limit: int) -> list[UnfinishedBacktest]:
    """Return backtests, of all users, that were asked for that long ago and are under way; the oldest first."""
    age = cast(literal(f"{older_than_seconds} seconds"), Interval)
    rows = session.execute(
        select(Backtest.id, Backtest.user_id, func.coalesce(Backtest.execution_name, ""))
        .where(text(UNFINISHED), Backtest.created_at < func.now() - age)
        .order_by(Backtest.created_at)
        .limit(limit)
    )
    return [UnfinishedBacktest(*row) for row in rows]


def _changed(session: Session, user_id: int, backtest_id: int, **values: Any) -> bool:
    statement = (
        update(Backtest)
        .where(Backtest.id == backtest_id, Backtest.user_id == user_id, text(UNFINISHED))
        .values(**values)
        .returning(Backtest.id)
    )
    return session.execute(statement, execution_options=_DONT_SYNCHRONISE).one_or_none() is not None


def _found(result: Any) -> Record:
    row: Record | None = result.one_or_none()
    if row is None:
        raise NotFoundError("There is no such backtest.")
    return row
