"""Delete a backtest with everything that it left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import ConflictError
from tradebot.models import BacktestStatus
from tradebot.repositories import backtests
from tradebot.services.backtest_files import prefix_of

if TYPE_CHECKING:
    from tradebot.aws.object_store import ObjectStore
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

_UNDER_WAY = {BacktestStatus.PENDING, BacktestStatus.RUNNING}


@dataclass(frozen=True, slots=True)
class DeleteBacktest:
    """Forget a backtest that has come to its end."""

    sessions: UserSessions
    results: ObjectStore

    def __call__(self, token: AccessToken, backtest_id: int) -> None:
        """Delete its objects, then its row. Raises NotFoundError, or ConflictError while it is under way."""
        with self.sessions.of(token) as session:
            row = backtests.get_backtest(session, token.user_id, backtest_id)
        if row.status in _UNDER_WAY:
            raise ConflictError("The backtest is under way; cancel it first.")
        # Objects first: a row without them can be deleted again, objects without a row would be nobody's.
        self.results.delete(prefix_of(token.user_id, backtest_id))
        with self.sessions.of(token) as session:
            backtests.delete_backtest(session, token.user_id, backtest_id)
