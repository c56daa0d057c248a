"""One tick: hand it to every due bot, those of short timeframes first; switch the schedule off where no bot is active.

Delivering a tick twice is harmless: a bot's own lease and due time let one of the two pass.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.timeframe import Timeframe
from tradebot.observability import count, logger
from tradebot.repositories.due_bots import find_due_bots, is_any_bot_scheduled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tradebot.aws.invoker import Invoker
    from tradebot.aws.schedule import TickSchedule
    from tradebot.repositories.due_bots import DueBot
    from tradebot.services.user_sessions import OpenSession

#: An invoke is 20 ms of waiting and 1.4 ms of work, so that threads beyond this number only queue for the processor.
INVOKE_THREADS = 32


@dataclass(frozen=True, slots=True)
class DispatchReport:
    """What one tick of the dispatcher did."""

    due: int
    failed: int
    is_schedule_disabled: bool


@dataclass(frozen=True, slots=True)
class DispatchDueBots:
    """Invoke bot_runner once per due bot."""

    open_session: OpenSession
    bot_runner: Invoker
    schedule: TickSchedule

    def __call__(self, tick_at: datetime) -> DispatchReport:
        """Hand out the tick of `tick_at` (market time). Raise where not one due bot could be handed its own."""
        with self.open_session(None) as session:
            due = find_due_bots(session, tick_at)
            is_idle = not due and not is_any_bot_scheduled(session)
        due.sort(key=_urgency)
        failed = _invoke_all(due, tick_at, self.bot_runner)
        is_disabled = is_idle and self._disable_unless_started()
        count("BotsDue", len(due))
        count("BotInvokesFailed", failed)
        logger().info("tick dispatched", tick_at=tick_at.isoformat(), due=len(due), failed=failed, idle=is_disabled)
        if failed and failed == len(due):
            raise RuntimeError(f"none of {failed} due bots could be handed its tick; the next tick tries them again")
        return DispatchReport(due=len(due), failed=failed, is_schedule_disabled=is_disabled)

    def _disable_unless_started(self) -> bool:
        """Disable, then look again: a bot that was started in between would wait for a tick that never comes.

        The API commits the start before it enables the rule, so that either this second look sees the bot, or the
        rule is enabled after it was disabled here.
        """
        self.schedule.disable()
        with self.open_session(None) as session:
            if not is_any_bot_scheduled(session):
                return True
        self.schedule.enable()
        return False


def _urgency(bot: DueBot) -> float:
    """A short timeframe's signal is the first to be too old; a bot that only settles or is looked after can wait."""
    return math.inf if bot.timeframe is None else Timeframe(bot.timeframe).seconds


def _invoke_all(due: Sequence[DueBot], tick_at: datetime, invoker: Invoker) -> int:
    """Return how many invokes failed. Those bots stay due, so the next tick finds them again."""

    def invoke(bot: DueBot) -> bool:
        try:
            invoker.invoke({"bot_config_id": bot.bot_config_id, "user_id": bot.user_id, "tick_at": tick_at.isoformat()})
        except Exception:  # noqa: BLE001  one bot's failure must not keep the tick from the others
            logger().exception("bot not invoked", bot_config_id=bot.bot_config_id)
            return False
        return True

    if len(due) <= 1:
        return sum(not invoke(bot) for bot in due)
    with ThreadPoolExecutor(max_workers=min(INVOKE_THREADS, len(due))) as pool:
        return sum(not accepted for accepted in pool.map(invoke, due))
