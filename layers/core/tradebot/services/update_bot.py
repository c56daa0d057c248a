"""Change a bot's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.domain.audit import Action
from tradebot.errors import ConflictError
from tradebot.repositories import audit_events, bot_configs, bot_states
from tradebot.services.bot_rules import require_consistent
from tradebot.services.create_bot import require_own_api_key
from tradebot.services.listed_symbol import require_listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

#: What may change under a running bot, because no decision reads it.
_ALWAYS = frozenset({"name"})
#: What an open position depends on: where it is held, and how it was opened.
_FIXED_BY_POSITION = ("symbol", "position_type", "leverage", "api_key_id", "strategy", "timeframe", "initial_capital")
#: What a bot's balance and dust belong to: a change begins new books.
_WHOSE_BOOKS = frozenset({"symbol", "position_type", "api_key_id", "initial_capital"})

#: What decides which list of symbols counts.
_WHOSE_SYMBOL = frozenset({"symbol", "position_type", "api_key_id"})


@dataclass(frozen=True, slots=True)
class UpdateBot:
    """Apply a partial change, held to the same rules as a new configuration."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, bot_config_id: int, changes: Mapping[str, Any]) -> Record:
        """Return the changed configuration. Raises NotFoundError, InvalidInputError or ConflictError."""
        with self.sessions.of(token) as session:
            current = bot_configs.lock_bot_config(session, token.user_id, bot_config_id)
            effective = {name: value for name, value in changes.items() if getattr(current, name) != value}
            if not effective:
                return current
            require_consistent({**current._asdict(), **effective})
            if effective.keys() - _ALWAYS:
                position = bot_states.lock_position(session, token.user_id, bot_config_id)
                _require_changeable(current, position, effective)
                fixed = [name for name in _FIXED_BY_POSITION if name in effective]
                if fixed and bot_configs.has_unsettled_orders(session, token.user_id, bot_config_id):
                    raise ConflictError(
                        f"An order of the bot may still execute, which depends on {', '.join(fixed)};"
                        " start the bot to settle it, then stop it."
                    )
                if effective.keys() & _WHOSE_BOOKS:
                    bot_states.forget_books(session, token.user_id, bot_config_id)
            require_own_api_key(session, token.user_id, effective.get("api_key_id"))
            if effective.keys() & _WHOSE_SYMBOL:
                require_listed(session, token.user_id, {**current._asdict(), **effective})
            changed = bot_configs.update_bot_config(session, token.user_id, bot_config_id, effective)
            audit_events.record_event(
                session,
                token.user_id,
                Action.BOT_UPDATED,
                of=("bot", bot_config_id),
                source=token.source,
                details=audit_events.changes(current, changed, effective),
            )
            return changed


def _require_changeable(current: Record, position: Record, effective: Mapping[str, Any]) -> None:
    if current.is_active:
        names = ", ".join(sorted(effective.keys() - _ALWAYS))
        raise ConflictError(
            f"The bot is active; stop it before changing {names}. Only its name may change while it runs."
        )
    if position.is_ticking:
        raise ConflictError("The bot's last tick is still finishing; try again in a few seconds.")
    fixed = [name for name in _FIXED_BY_POSITION if name in effective and getattr(current, name) is not None]
    if position.in_position and fixed:
        raise ConflictError(f"The bot holds a position, which depends on {', '.join(fixed)}; close it first.")
