"""Have bot_runner, which alone may decrypt, close positions now; and let the schedule see to it where that fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.observability import logger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.aws.invoker import Invoker
    from tradebot.aws.schedule import TickSchedule
    from tradebot.repositories.pages import Record


def is_under_way(state: Record) -> bool:
    """Tell whether the bot still has something to close."""
    return state.close_requested_at is not None


@dataclass(frozen=True, slots=True)
class RequestClosing:
    """Ask once the wish is committed. The bots are due at once, so the next tick finds them in any case."""

    bot_runner: Invoker
    schedule: TickSchedule

    def __call__(self, user_id: int, bot_config_ids: Sequence[int]) -> None:
        """Queue a tick for each."""
        if not bot_config_ids:
            return
        self.schedule.enable()
        for bot_config_id in bot_config_ids:
            try:
                self.bot_runner.invoke({"close_position": {"bot_config_id": bot_config_id, "user_id": user_id}})
            except Exception:  # noqa: BLE001  the next scheduled tick closes what this one could not be asked to
                logger().warning("closing not requested", exc_info=True, extra={"bot_config_id": bot_config_id})
