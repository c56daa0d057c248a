"""Cancel a backtest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import ConflictError
from tradebot.models import BacktestStatus
from tradebot.repositories import backtests

if TYPE_CHECKING:
    from tradebot.aws.workflow import Workflow
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class CancelBacktest:
    """Let nothing more happen for a backtest. Cancelling one that was cancelled changes nothing."""

    sessions: UserSessions
    workflow: Workflow

    def __call__(self, token: AccessToken, backtest_id: int) -> Record:
        """Return the cancelled backtest. Raises NotFoundError, or ConflictError where it had come to its end."""
        with self.sessions.of(token) as session:
            backtests.cancel(session, token.user_id, backtest_id)
            row = backtests.get_backtest(session, token.user_id, backtest_id)
        if row.status != BacktestStatus.CANCELLED:
            raise ConflictError(f"The backtest has {row.status.value} already; there is nothing to cancel.")
        # A step that runs at this moment sees the row and ends; the execution starts no other. Where this fails, a
        # second call comes here again.
        self.workflow.stop(row.execution_name, "cancelled by its user")
        return row
