"""Delete a bot with its state, orders and trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tradebot.domain.audit import Action
from tradebot.errors import ConflictError
from tradebot.repositories import audit_events, bot_configs, bot_states

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.stop_bot import StopBot
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class DeleteBot:
    """Delete a bot, with a position only where its user chose what becomes of it."""

    sessions: UserSessions
    stop_bot: StopBot

    def __call__(
        self, token: AccessToken, bot_config_id: int, *, position: Literal["keep", "close"] | None = None
    ) -> None:
        """Delete. Raises NotFoundError, or ConflictError with what to do first.

        A position is left to the user, with the orders that rest beside it, where `position` is `keep`; where it is
        `close` the position begins to be closed, and the bot stays until it is.
        """
        if position == "close" and self.stop_bot(token, bot_config_id, closing=True).close_requested_at is not None:
            raise ConflictError("The bot's position is being closed at market; delete the bot when it is.")
        self._delete(token, bot_config_id, leaves_position=position == "keep")

    def _delete(self, token: AccessToken, bot_config_id: int, *, leaves_position: bool) -> None:
        with self.sessions.of(token) as session:
            bot = bot_configs.lock_bot_config(session, token.user_id, bot_config_id)
            if bot.is_active:
                raise ConflictError("The bot is active; stop it first.")
            state = bot_states.lock_position(session, token.user_id, bot_config_id)
            if state.is_ticking:
                raise ConflictError("The bot's last tick is still finishing; try again in a few seconds.")
            if state.in_position and not leaves_position:
                raise ConflictError(
                    "The bot holds a position. Delete with position=close to close it first, or with position=keep to"
                    " leave it to yourself, with the stop that rests beside it."
                )
            if not state.in_position and bot_configs.has_unsettled_orders(session, token.user_id, bot_config_id):
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
