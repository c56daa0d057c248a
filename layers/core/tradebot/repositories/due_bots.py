"""Who is due: the dispatcher's questions, answered across users from the few columns that its role may read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from tradebot.models import BotConfig, BotState

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class DueBot:
    """A bot that a tick has to be handed to."""

    bot_config_id: int
    user_id: int
    #: None where the bot is inactive and still has an order to settle or a position to look after.
    timeframe: str | None


def find_due_bots(session: Session, tick_at: datetime) -> list[DueBot]:
    """Return every bot whose next run is not after `tick_at` (market time), the longest overdue first."""
    rows = session.execute(
        select(BotState.id, BotState.user_id, BotConfig.timeframe)
        .outerjoin(BotConfig, BotConfig.id == BotState.id)
        .where(BotState.next_run_at <= tick_at)
        .order_by(BotState.next_run_at, BotState.id)
    )
    return [DueBot(bot_config_id, user_id, timeframe) for bot_config_id, user_id, timeframe in rows]


def is_any_bot_scheduled(session: Session) -> bool:
    """Tell whether any bot will be due at some time."""
    # The id, since the `*` of a plain EXISTS asks for the privilege to read every column.
    return bool(session.scalar(select(exists(select(BotState.id).where(BotState.next_run_at.is_not(None))))))
