"""Configure a bot, anew or as a copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.domain.audit import Action
from tradebot.errors import ConflictError, InvalidInputError
from tradebot.repositories import api_keys, audit_events, bot_configs, bot_states
from tradebot.services.bot_rules import require_consistent
from tradebot.services.listed_symbol import require_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

#: Bounds what one account can make the platform run each minute.
MAX_BOTS = 200
MAX_NAME = 100
COPY = " (copy)"
#: What a copy has of its own.
_OWN = frozenset({"id", "is_active", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class CreateBot:
    """Store a bot's configuration with its state, stopped."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, config: Mapping[str, Any]) -> Record:
        """Return the stored configuration. `config` has every column a user may set. Raises InvalidInputError."""
        with self.sessions.of(token) as session:
            return store_bot(session, token, config, Action.BOT_CREATED)


@dataclass(frozen=True, slots=True)
class CloneBot:
    """Store a copy of a bot's configuration, stopped, with books of its own."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, bot_config_id: int, *, name: str | None) -> Record:
        """Return the copy. Without a name it is that of the original, marked. Raises NotFoundError or ConflictError."""
        with self.sessions.of(token) as session:
            original = bot_configs.get_bot_config(session, token.user_id, bot_config_id)
            config = {column: getattr(original, column) for column in original._fields if column not in _OWN}
            config["name"] = name or f"{original.name[: MAX_NAME - len(COPY)]}{COPY}"
            return store_bot(session, token, config, Action.BOT_CLONED, {"of": bot_config_id})


def store_bot(
    session: Session,
    token: AccessToken,
    config: Mapping[str, Any],
    action: Action,
    details: Mapping[str, Any] | None = None,
) -> Record:
    """Insert a bot and its state. Raises InvalidInputError, or ConflictError where the user has too many."""
    require_consistent(config)
    if bot_configs.count_bot_configs(session, token.user_id) >= MAX_BOTS:
        raise ConflictError(f"An account holds at most {MAX_BOTS} bots; delete one first.")
    require_own_api_key(session, token.user_id, config["api_key_id"])
    require_listed(session, token.user_id, config)
    stored = bot_configs.insert_bot_config(session, token.user_id, config)
    bot_states.insert_bot_state(session, token.user_id, stored.id)
    audit_events.record_event(
        session,
        token.user_id,
        action,
        of=("bot", stored.id),
        source=token.source,
        details={**(details or {}), "after": {name: getattr(stored, name) for name in config}},
    )
    return stored


def require_own_api_key(session: Session, user_id: int, api_key_id: int | None) -> None:
    """Raise InvalidInputError unless the key is the user's own (None is no key)."""
    if api_key_id is not None and not api_keys.api_key_exists(session, user_id, api_key_id):
        raise InvalidInputError("There is no such API key.", field="api_key_id", rule="known_api_key")
