"""What nobody asks for: mail, webhooks, keys not checked for a day, the rule while bots trade, lost backtests, purges.

A rotation of data keys that an operator has started goes on as well, should its command have ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.observability import count, logger
from tradebot.repositories import backtests
from tradebot.repositories.due_bots import is_any_bot_scheduled
from tradebot.repositories.market_cache import drop_old_candles
from tradebot.repositories.purges import purge_expired
from tradebot.repositories.sealed_keys import find_keys_to_check
from tradebot.services.run_backtest.fail import reason_of
from tradebot.services.run_backtest.tell import tell

if TYPE_CHECKING:
    from tradebot.aws.invoker import Invoker
    from tradebot.aws.schedule import TickSchedule
    from tradebot.aws.workflow import Workflow
    from tradebot.repositories.backtests import UnfinishedBacktest
    from tradebot.services.rotate_data_keys import RotateDataKeys
    from tradebot.services.send_mail import SendMail
    from tradebot.services.send_webhooks import SendWebhooks
    from tradebot.services.user_sessions import OpenSession

CHECK_KEYS_AFTER_HOURS = 24
#: Of one run, a quarter of an hour before the next one: a day has room for 96 times as many keys.
MAX_KEYS = 200
#: A backtest is stored before its execution starts, and its row ends a moment before the execution does.
LOOK_AT_BACKTESTS_AFTER_SECONDS = 120
MAX_BACKTESTS = 100
#: More than the longest warm-up reads. A series takes at most 2 MB.
MAX_CANDLES = 25_000
CANDLES_UNUSED_DAYS = 2


@dataclass(frozen=True, slots=True)
class RunMaintenance:
    """One scheduled run. Every step may be repeated."""

    open_session: OpenSession
    #: bot_runner, which alone may decrypt.
    bot_runner: Invoker
    schedule: TickSchedule
    workflow: Workflow
    send_mail: SendMail
    send_webhooks: SendWebhooks
    rotate_data_keys: RotateDataKeys

    def __call__(self) -> int:
        """Return how many keys are on their way to their check."""
        with self.open_session(None) as session:
            keys = find_keys_to_check(session, older_than_hours=CHECK_KEYS_AFTER_HOURS, limit=MAX_KEYS)
            is_anyone_trading = is_any_bot_scheduled(session)
            unfinished = backtests.find_unfinished(
                session, older_than_seconds=LOOK_AT_BACKTESTS_AFTER_SECONDS, limit=MAX_BACKTESTS
            )
        with self.open_session(None) as session:
            drop_old_candles(session, unused_days=CANDLES_UNUSED_DAYS, most=MAX_CANDLES)
        if is_anyone_trading:
            # A deployment that changes the rule leaves it disabled, and a laptop's cloud forgets what it was.
            self.schedule.enable()
        for key in keys:
            self.bot_runner.invoke({"check_key": {"api_key_id": key.api_key_id, "user_id": key.user_id}})
        lost = sum(map(self._end_if_lost, unfinished))
        sent = self.send_mail()
        posted = self.send_webhooks()
        with self.open_session(None) as session:
            purged = purge_expired(session)
        self.rotate_data_keys(is_started=False)
        count("KeyChecksRequested", len(keys))
        logger().info(
            "maintenance done",
            keys_to_check=len(keys),
            mails_sent=sent,
            webhooks_sent=posted,
            lost_backtests=lost,
            purged=purged,
        )
        return len(keys)

    def _end_if_lost(self, backtest: UnfinishedBacktest) -> bool:
        """Store the failure of a backtest whose execution ended, or never was, without its row being told."""
        execution = self.workflow.describe(backtest.execution_name)
        if execution is not None and execution.status == "RUNNING":
            return False
        if execution is None:
            reason = "It was interrupted before it came to its end. Start it again."
        else:
            error = "States.Timeout" if execution.status == "TIMED_OUT" else execution.error
            reason = reason_of(error, execution.cause, backtest.backtest_id)
        with self.open_session(backtest.user_id) as session:
            is_stored = backtests.fail(session, backtest.user_id, backtest.backtest_id, reason=reason)
            if is_stored:  # what is told here goes out with this run's mail
                tell(session, backtest.user_id, backtest.backtest_id, "failed", reason=reason)
        return is_stored
