"""Delete a bot with its state, orders and trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.errors import ConflictError
from tradebot.repositories import audit_events, bot_configs, bot_states

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class DeleteBot:
    """Delete a bot that has nothing at the exchange."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, bot_config_id: int) -> None:
        """Delete. Raises NotFoundError, or ConflictError with what to do first."""
        with self.sessions.of(token) as session:
            bot = bot_configs.lock_bot_config(session, token.user_id, bot_config_id)
            if bot.is_active:
                raise ConflictError("The bot is active; stop it first.")
            position = bot_states.lock_position(session, token.user_id, bot_config_id)
            if position.is_ticking:
                raise ConflictError("The bot's last tick is still finishing; try again in a few seconds.")
            if position.in_position:
                raise ConflictError("The bot holds a position, which would be left alone; close it first.")
            if bot_configs.has_unsettled_orders(session, token.user_id, bot_config_id):
                raise ConflictError("An order of the bot may still execute; start the bot to settle it, then stop it.")
            bot_configs.delete_bot_config(session, token.user_id, bot_config_id)
            audit_events.record_event(
                session,
                token.user_id,
                Action.BOT_DELETED,
                of=("bot", bot_config_id),
                source=token.source,
                details={"before": {"name": bot.name, "symbol": bot.symbol}},
            )
