"""Show a user's backtests: how far they are, what came out, and the files of their reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tradebot.errors import ConflictError, NotFoundError
from tradebot.models import BacktestStatus
from tradebot.repositories import backtests
from tradebot.services.backtest_files import prefix_of

if TYPE_CHECKING:
    from tradebot.aws.object_store import ObjectStore
    from tradebot.domain.span import Span
    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Page, Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

#: Lambda answers with 6 MB at most, and JSON's escapes take their part of it; what is larger is fetched by a link.
MOST_ANSWERED_BYTES: Final = 4 * 1024 * 1024
LINK_SECONDS: Final = 300
#: From here on the progress tells more of the rest than the plan did.
TRUSTED_PROGRESS: Final = 0.15


class NoResultsError(ConflictError):
    """The backtest has not come to a result, or never will."""

    code = "no-results"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file of the report: its content, or a link to it where it is too large for an answer."""

    content: bytes | None
    link: str | None


@dataclass(frozen=True, slots=True)
class ReadBacktests:
    """List and show; nothing here changes anything."""

    sessions: UserSessions
    results: ObjectStore

    def listed(self, token: AccessToken, *, filters: Filters, asked: Span, limit: int, cursor: str | None) -> Page:
        """Return a page of the user's backtests, newest first."""
        with self.sessions.of(token) as session:
            return backtests.list_backtests(
                session, token.user_id, filters=filters, asked=asked, limit=limit, cursor=cursor
            )

    def one(self, token: AccessToken, backtest_id: int) -> Record:
        """Return one. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            return backtests.get_backtest(session, token.user_id, backtest_id)

    def with_results(self, token: AccessToken, backtest_id: int) -> Record:
        """Return one with its results. Raises NotFoundError, or NoResultsError where there are none."""
        with self.sessions.of(token) as session:
            row = backtests.get_results(session, token.user_id, backtest_id)
        _require_succeeded(row)
        return row

    def file(self, token: AccessToken, backtest_id: int, name: str) -> ReportFile:
        """Return a file of the report. Raises NotFoundError, or NoResultsError where there is none."""
        _require_succeeded(self.one(token, backtest_id))
        key = f"{prefix_of(token.user_id, backtest_id)}{name}"
        try:
            content = self.results.get_up_to(key, MOST_ANSWERED_BYTES)
        except NotFoundError:
            raise NotFoundError(
                "This file is kept for a limited time, which is over; run the backtest again."
            ) from None
        return ReportFile(content, self.results.link(key, LINK_SECONDS) if content is None else None)


def seconds_left(row: Record) -> float | None:
    """Return how long a backtest still takes: by its plan at first, by its progress later; None at its end."""
    if row.status not in {BacktestStatus.PENDING, BacktestStatus.RUNNING}:
        return None
    planned: float | None = row.estimated_seconds
    if row.started_at is None or planned is None:
        return planned
    passed: float = (row.read_at - row.started_at).total_seconds()
    progress: float = row.progress
    if progress < TRUSTED_PROGRESS:
        return round(max(1.0, planned - passed), 1)
    # By when the progress was reached, counted down since: between two steps of it the rest must not grow.
    since: float = (row.read_at - row.updated_at).total_seconds()
    return round(max(1.0, (passed - since) * (1 - progress) / progress - since), 1)


def _require_succeeded(row: Record) -> None:
    if row.status == BacktestStatus.SUCCEEDED:
        return
    why = {
        BacktestStatus.FAILED: "It failed, so there are no results; `error_message` says why.",
        BacktestStatus.CANCELLED: "It was cancelled, so there are no results.",
    }
    raise NoResultsError(why.get(row.status, "It has not come to its end yet; `progress` says how far it is."))
