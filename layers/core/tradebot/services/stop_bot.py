"""Stop a bot. Its position, where it has one, stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.repositories import audit_events, bot_configs, bot_states

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class StopBot:
    """Make a bot inactive. A tick that is running ends first (`stopping`); no further one begins."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, bot_config_id: int) -> Record:
        """Return the bot's state. Raises NotFoundError. Stopping a stopped bot changes nothing."""
        with self.sessions.of(token) as session:
            bot = bot_configs.lock_bot_config(session, token.user_id, bot_config_id)
            if bot.is_active:
                bot_configs.update_bot_config(session, token.user_id, bot_config_id, {"is_active": False})
                bot_states.stop_bot(session, token.user_id, bot_config_id)
                audit_events.record_event(
                    session, token.user_id, Action.BOT_STOPPED, of=("bot", bot_config_id), source=token.source
                )
            return bot_states.get_bot_state(session, token.user_id, bot_config_id)
