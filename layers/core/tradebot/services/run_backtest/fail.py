"""What becomes of a backtest whose workflow failed: its row says why, in words that its user can act on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import tradebot.errors
from tradebot.errors import TradeBotError
from tradebot.observability import count, logger
from tradebot.repositories import backtests
from tradebot.services.run_backtest.step_input import StepInput
from tradebot.services.run_backtest.tell import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.services.user_sessions import OpenSession

_TOO_LONG: Final = "It took longer than it may. Test a shorter span, or longer candles."
_OURS: Final = (
    "Something went wrong on our side. Start it again; if it fails again, name backtest {id} to whoever runs this."
)
_AGAIN: Final = " Start it again in a few minutes; what was fetched is kept."
#: Errors that Step Functions and Lambda name.
_TIMEOUTS: Final = {"States.Timeout", "Sandbox.Timedout", "States.HeartbeatTimeout", "StepOutOfTimeError"}


@dataclass(frozen=True, slots=True)
class FailBacktest:
    """The step that every other one's failure leads to. Repeating it changes nothing."""

    open_session: OpenSession
    #: Called once its user was told.
    request_mail: Callable[[], None]

    def __call__(self, event: object) -> dict[str, Any]:
        """Take `{backtest: {backtest_id, user_id}, failure: {Error, Cause}}`, return the reason that was stored."""
        step = StepInput("fail", event)
        backtest, failure = step.at("backtest"), step.at("failure")
        backtest_id, user_id = backtest.identifier("backtest_id"), backtest.identifier("user_id")
        error, cause = str(failure.member("Error")), str(failure.member("Cause"))
        reason = reason_of(error, cause, backtest_id)
        with self.open_session(user_id) as session:
            is_stored = backtests.fail(session, user_id, backtest_id, reason=reason)
            if is_stored:
                tell(session, user_id, backtest_id, "failed", reason=reason)
        if is_stored:
            logger().error("backtest failed", backtest_id=backtest_id, error=error, cause=cause[:2_000])
            count("BacktestsFailed")
            self.request_mail()
        return {"reason": reason}


def reason_of(error: str, cause: str, backtest_id: int) -> str:
    """Return why a backtest failed, for its user: our own errors' words, and ours for those that AWS names."""
    if error in _TIMEOUTS:
        return _TOO_LONG
    kind = getattr(tradebot.errors, error, None)
    if isinstance(kind, type) and issubclass(kind, TradeBotError):
        said = _message_in(cause)
        if said and kind.http_status != TradeBotError.http_status:
            sentence = said[:1].upper() + said[1:]
            return (sentence if sentence.endswith((".", "!", "?")) else f"{sentence}.") + (
                _AGAIN if kind.retryable else ""
            )
    return _OURS.format(id=backtest_id)


def _message_in(cause: str) -> str:
    try:
        said = json.loads(cause).get("errorMessage", "")
    except (ValueError, AttributeError):
        return ""
    return said if isinstance(said, str) else ""
