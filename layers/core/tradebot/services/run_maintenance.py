"""What nobody asks for and has to happen: keys that were not checked for a day are checked again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.observability import count, logger
from tradebot.repositories.sealed_keys import find_keys_to_check

if TYPE_CHECKING:
    from tradebot.aws.invoker import Invoker
    from tradebot.services.user_sessions import OpenSession

CHECK_KEYS_AFTER_HOURS = 24
#: Of one run, a quarter of an hour before the next one: a day has room for 96 times as many keys.
MAX_KEYS = 200


@dataclass(frozen=True, slots=True)
class RunMaintenance:
    """One scheduled run. Every step may be repeated."""

    open_session: OpenSession
    #: bot_runner, which alone may decrypt.
    bot_runner: Invoker

    def __call__(self) -> int:
        """Return how many keys are on their way to their check."""
        with self.open_session(None) as session:
            keys = find_keys_to_check(session, older_than_hours=CHECK_KEYS_AFTER_HOURS, limit=MAX_KEYS)
        for key in keys:
            self.bot_runner.invoke({"check_key": {"api_key_id": key.api_key_id, "user_id": key.user_id}})
        count("KeyChecksRequested", len(keys))
        logger().info("maintenance done", keys_to_check=len(keys))
        return len(keys)
