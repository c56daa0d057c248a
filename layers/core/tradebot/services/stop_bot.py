"""Stop a bot. Its position, where it has one, stays with its stop at the exchange or is closed, as the user says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.repositories import audit_events, bot_configs, bot_states
from tradebot.services.request_closing import is_under_way

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.request_closing import RequestClosing
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class StopBot:
    """Make a bot inactive. A tick that is running ends first (`stopping`), and what it left in doubt is settled."""

    sessions: UserSessions
    request_closing: RequestClosing

    def __call__(self, token: AccessToken, bot_config_id: int, *, closing: bool = False) -> Record:
        """Return the bot's state. Raises NotFoundError. Stopping a stopped bot changes nothing, unless to close."""
        with self.sessions.of(token) as session:
            bot = bot_configs.lock_bot_config(session, token.user_id, bot_config_id)
            state = bot_states.get_bot_state(session, token.user_id, bot_config_id)
            if bot.is_active or closing or state.close_requested_at is not None:
                if bot.is_active:
                    bot_configs.update_bot_config(session, token.user_id, bot_config_id, {"is_active": False})
                    audit_events.record_event(
                        session, token.user_id, Action.BOT_STOPPED, of=("bot", bot_config_id), source=token.source
                    )
                if closing:
                    audit_events.record_event(
                        session,
                        token.user_id,
                        Action.BOT_CLOSE_REQUESTED,
                        of=("bot", bot_config_id),
                        source=token.source,
                    )
                bot_states.stop_bots(session, token.user_id, [bot_config_id], closing=closing)
                state = bot_states.get_bot_state(session, token.user_id, bot_config_id)
        if closing and is_under_way(state):
            self.request_closing(token.user_id, [bot_config_id])
        return state
