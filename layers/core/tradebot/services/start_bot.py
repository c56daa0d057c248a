"""Start a bot: due at once, and the rule that ticks enabled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.domain.kill_switch import KillSwitchScope
from tradebot.errors import ConflictError, InvalidInputError
from tradebot.repositories import api_keys, audit_events, bot_configs, bot_states
from tradebot.services.bot_rules import require_consistent
from tradebot.services.listed_symbol import require_listed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tradebot.aws.schedule import TickSchedule
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.request_key_check import RequestKeyCheck
    from tradebot.services.user_sessions import UserSessions


_KILLED = {
    KillSwitchScope.EVERYTHING: "the whole platform",
    KillSwitchScope.USER: "all your bots",
    KillSwitchScope.BOT: "this bot",
}


class KeyNotCheckedError(ConflictError):
    """The bot's key has not been checked at the exchange yet: try again in a few seconds."""

    code = "api-key-not-checked"
    retryable = True


@dataclass(frozen=True, slots=True)
class StartBot:
    """Make a bot active. Starting one that runs changes nothing and answers the same."""

    sessions: UserSessions
    schedule: TickSchedule
    request_key_check: RequestKeyCheck

    def __call__(self, token: AccessToken, bot_config_id: int) -> Record:
        """Return the bot's state. Raises NotFoundError, ConflictError or InvalidInputError."""
        with self.sessions.of(token) as session:
            bot = bot_configs.lock_bot_config(session, token.user_id, bot_config_id)
            unchecked_key_id = None
            if not bot.is_active:
                unchecked_key_id = _require_startable(session, token.user_id, bot)
                if unchecked_key_id is None:
                    bot_configs.update_bot_config(session, token.user_id, bot_config_id, {"is_active": True})
                    bot_states.start_bot(session, token.user_id, bot_config_id)
                    audit_events.record_event(
                        session, token.user_id, Action.BOT_STARTED, of=("bot", bot_config_id), source=token.source
                    )
            state = bot_states.get_bot_state(session, token.user_id, bot_config_id)
        if unchecked_key_id is not None:
            self.request_key_check(api_key_id=unchecked_key_id, user_id=token.user_id)
            raise KeyNotCheckedError("The bot's API key is being checked at the exchange; try again in a few seconds.")
        # After the commit: the dispatcher disables the rule when it sees no active bot. A start that fails between the
        # two is repeated by its caller, finds the bot active and comes here again.
        self.schedule.enable()
        return state


def _require_startable(session: Session, user_id: int, bot: Record) -> int | None:
    """Return the id of the bot's key where it has not been checked yet."""
    require_consistent(bot._asdict())
    require_listed(session, user_id, bot._asdict(), trading=True)
    switch = bot_states.get_bot_state(session, user_id, bot.id).kill_switch
    if switch is not None:
        raise ConflictError(f"A kill switch is on for {_KILLED[switch['scope']]}; it has to be taken back first.")
    if bot.api_key_id is None:
        if bot.initial_capital is None:
            raise InvalidInputError(
                "Without an API key the bot trades on paper and needs an initial capital to begin with.",
                field="initial_capital",
                rule="required_on_paper",
            )
        return None
    key = api_keys.lock_api_key(session, user_id, bot.api_key_id)
    if not key.is_valid:
        if key.checked_at is None:
            return int(key.id)
        raise ConflictError(
            f"The exchange refused the bot's API key: {key.check_error or 'no reason given'}. Store a key that works."
        )
    if bot.position_type == "futures":
        other = bot_configs.find_active_futures_bot(
            session, user_id, api_key_id=bot.api_key_id, symbol=bot.symbol, except_id=bot.id
        )
        if other is not None:
            raise ConflictError(
                f"Bot {other.id} ({other.name}) trades {bot.symbol} futures with this key already, and the exchange"
                " nets both into one position; stop it or use another key."
            )
    return None
