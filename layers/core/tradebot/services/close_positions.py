"""Emergency close: deactivate bots, cancel what protects their positions and close these at market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.observability import count, logger
from tradebot.repositories import audit_events, bot_configs, bot_states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.request_closing import RequestClosing
    from tradebot.services.stop_bot import StopBot
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class ClosePositions:
    """Close one bot's position, or those of all the user's bots, whatever state they are in."""

    sessions: UserSessions
    stop_bot: StopBot
    request_closing: RequestClosing

    def of_bot(self, token: AccessToken, bot_config_id: int) -> Record:
        """Return the bot's state: `stopping` until its position is closed. Raises NotFoundError."""
        count("EmergencyCloses")
        logger().warning("emergency close", bot_config_id=bot_config_id)
        return self.stop_bot(token, bot_config_id, closing=True)

    def of_user(self, token: AccessToken) -> Sequence[int]:
        """Return the ids of the bots that have something to close. All of the user's bots are inactive then."""
        with self.sessions.of(token) as session:
            closing = close_all(session, token)
        self.request_closing(token.user_id, closing)
        return closing


def close_all(session: Session, token: AccessToken) -> Sequence[int]:
    """Deactivate all the user's bots and wish their positions closed; return those that have something to close."""
    count("EmergencyCloses")
    logger().warning("emergency close of all bots")
    user_id = token.user_id
    audit_events.record_event(session, user_id, Action.CLOSE_REQUESTED, source=token.source)
    bots = bot_configs.lock_bot_configs(session, user_id)
    bot_configs.deactivate_bot_configs(session, user_id)
    bot_states.stop_bots(session, user_id, bots, closing=True)
    return bot_states.find_closing_bots(session, user_id)
