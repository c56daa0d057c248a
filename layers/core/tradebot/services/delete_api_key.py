"""Delete an exchange key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.errors import ConflictError
from tradebot.repositories import api_keys, audit_events

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class DeleteApiKey:
    """Delete a key that no active bot and no open position needs."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, api_key_id: int) -> None:
        """Delete. Raises NotFoundError, or ConflictError naming the bot that needs the key."""
        with self.sessions.of(token) as session:
            # Bots before the key, as a start does, so that the two cannot wait for each other.
            api_keys.lock_bots_of_key(session, token.user_id, api_key_id)
            key = api_keys.lock_api_key(session, token.user_id, api_key_id)
            bot = api_keys.find_bot_that_needs_key(session, token.user_id, api_key_id)
            if bot is not None:
                need = "is active" if bot.is_active else "holds a position"
                raise ConflictError(
                    f"Bot {bot.id} ({bot.name}) uses this key and {need}; stop it, close its position, then delete."
                )
            api_keys.delete_api_key(session, token.user_id, api_key_id)
            audit_events.record_event(
                session,
                token.user_id,
                Action.API_KEY_DELETED,
                of=("api_key", api_key_id),
                source=token.source,
                details={"before": {"label": key.label, "key_hint": key.key_hint}},
            )
