"""The kill switches of a bot and of a user, for the user. While one is on, nothing opens a position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.observability import count, logger
from tradebot.repositories import audit_events, bot_states, kill_switches
from tradebot.services.close_positions import close_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.request_closing import RequestClosing
    from tradebot.services.stop_bot import StopBot
    from tradebot.services.user_sessions import UserSessions

#: Who set a switch, where its user did.
BY_USER = "user"


@dataclass(frozen=True, slots=True)
class KillSwitches:
    """Set and take back. Setting twice is setting once."""

    sessions: UserSessions
    stop_bot: StopBot
    request_closing: RequestClosing

    def set_for_bot(self, token: AccessToken, bot_config_id: int, *, reason: str | None, closing: bool) -> Record:
        """Return the bot's state. Raises NotFoundError."""
        state = self._switch_bot(token, bot_config_id, by=BY_USER, reason=reason)
        return self.stop_bot(token, bot_config_id, closing=True) if closing else state

    def clear_for_bot(self, token: AccessToken, bot_config_id: int) -> Record:
        """Return the bot's state. Raises NotFoundError."""
        return self._switch_bot(token, bot_config_id, by=None, reason=None)

    def _switch_bot(self, token: AccessToken, bot_config_id: int, *, by: str | None, reason: str | None) -> Record:
        with self.sessions.of(token) as session:
            kill_switches.switch_bot(session, token.user_id, bot_config_id, by=by, reason=reason)
            state = bot_states.get_bot_state(session, token.user_id, bot_config_id)
            action = Action.BOT_KILL_SWITCH_CLEARED if by is None else Action.BOT_KILL_SWITCH_SET
            audit_events.record_event(session, token.user_id, action, of=("bot", bot_config_id), source=token.source)
        _tell("bot", is_on=by is not None, bot_config_id=bot_config_id)
        return state

    def of_user(self, token: AccessToken) -> Record:
        """Return at, by and reason; all null while it is off."""
        with self.sessions.of(token) as session:
            return kill_switches.get_user_switch(session, token.user_id)

    def set_for_user(self, token: AccessToken, *, reason: str | None, closing: bool) -> tuple[Record, Sequence[int]]:
        """Return at, by and reason, and the ids of the bots that have something to close."""
        bots: Sequence[int] = ()
        with self.sessions.of(token) as session:
            kill_switches.switch_user(session, token.user_id, by=BY_USER, reason=reason)
            audit_events.record_event(session, token.user_id, Action.KILL_SWITCH_SET, source=token.source)
            switch = kill_switches.get_user_switch(session, token.user_id)
            if closing:
                bots = close_all(session, token)
        _tell("user", is_on=True)
        self.request_closing(token.user_id, bots)
        return switch, bots

    def clear_for_user(self, token: AccessToken) -> None:
        """Take it back. What it kept from being entered is not made up for."""
        with self.sessions.of(token) as session:
            kill_switches.switch_user(session, token.user_id, by=None, reason=None)
            audit_events.record_event(session, token.user_id, Action.KILL_SWITCH_CLEARED, source=token.source)
        _tell("user", is_on=False)


def _tell(scope: str, *, is_on: bool, **ids: int) -> None:
    count("KillSwitchesSet" if is_on else "KillSwitchesCleared")
    logger().warning("kill switch", extra={"scope": scope, "is_on": is_on, **ids})
