"""What nobody asks for and has to happen: mail, keys not checked for a day, the rule while bots trade, purges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.observability import count, logger
from tradebot.repositories.due_bots import is_any_bot_scheduled
from tradebot.repositories.market_cache import drop_old_candles
from tradebot.repositories.purges import purge_expired
from tradebot.repositories.sealed_keys import find_keys_to_check

if TYPE_CHECKING:
    from tradebot.aws.invoker import Invoker
    from tradebot.aws.schedule import TickSchedule
    from tradebot.services.send_mail import SendMail
    from tradebot.services.user_sessions import OpenSession

CHECK_KEYS_AFTER_HOURS = 24
#: Of one run, a quarter of an hour before the next one: a day has room for 96 times as many keys.
MAX_KEYS = 200
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
    send_mail: SendMail

    def __call__(self) -> int:
        """Return how many keys are on their way to their check."""
        with self.open_session(None) as session:
            keys = find_keys_to_check(session, older_than_hours=CHECK_KEYS_AFTER_HOURS, limit=MAX_KEYS)
            is_anyone_trading = is_any_bot_scheduled(session)
        with self.open_session(None) as session:
            drop_old_candles(session, unused_days=CANDLES_UNUSED_DAYS, most=MAX_CANDLES)
        if is_anyone_trading:
            # A deployment that changes the rule leaves it disabled, and a laptop's cloud forgets what it was.
            self.schedule.enable()
        for key in keys:
            self.bot_runner.invoke({"check_key": {"api_key_id": key.api_key_id, "user_id": key.user_id}})
        sent = self.send_mail()
        with self.open_session(None) as session:
            purged = purge_expired(session)
        count("KeyChecksRequested", len(keys))
        logger().info("maintenance done", keys_to_check=len(keys), mails_sent=sent, purged=purged)
        return len(keys)
