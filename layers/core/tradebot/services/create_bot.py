"""Configure a bot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.errors import ConflictError, InvalidInputError
from tradebot.repositories import api_keys, bot_configs, bot_states
from tradebot.services.bot_rules import require_consistent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

#: Bounds what one account can make the platform run each minute.
MAX_BOTS = 200


@dataclass(frozen=True, slots=True)
class CreateBot:
    """Store a bot's configuration with its state, stopped."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, config: Mapping[str, Any]) -> Record:
        """Return the stored configuration. `config` has every column a user may set. Raises InvalidInputError."""
        require_consistent(config)
        with self.sessions.of(token) as session:
            if bot_configs.count_bot_configs(session, token.user_id) >= MAX_BOTS:
                raise ConflictError(f"An account holds at most {MAX_BOTS} bots; delete one first.")
            require_own_api_key(session, token.user_id, config["api_key_id"])
            stored = bot_configs.insert_bot_config(session, token.user_id, config)
            bot_states.insert_bot_state(session, token.user_id, stored.id)
            return stored


def require_own_api_key(session: Session, user_id: int, api_key_id: int | None) -> None:
    """Raise InvalidInputError unless the key is the user's own (None is no key)."""
    if api_key_id is not None and not api_keys.api_key_exists(session, user_id, api_key_id):
        raise InvalidInputError("There is no such API key.", field="api_key_id", rule="known_api_key")
