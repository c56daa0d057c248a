"""End one session, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.repositories import audit_events, refresh_tokens, users
from tradebot.security.one_time_tokens import token_hash

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import OpenSession, UserSessions


@dataclass(frozen=True, slots=True)
class LogOut:
    """End the session that a refresh token belongs to. An unknown one is no error: there is nothing left to end."""

    open_session: OpenSession

    def __call__(self, *, refresh_token: str, source: str | None) -> None:
        """End it at once: its access token counts no longer, and other sessions refresh theirs."""
        presented = token_hash(refresh_token)
        with self.open_session(None) as session:
            user_id = users.find_user_by_token(session, presented)
        if user_id is None:
            return
        with self.open_session(user_id) as session:
            known = refresh_tokens.find_token(session, user_id, presented)
            if known is not None and refresh_tokens.revoke_family(session, user_id, known.family_id):
                users.end_access_tokens(session, user_id)
                audit_events.record_event(session, user_id, Action.SESSION_ENDED, source=source)


@dataclass(frozen=True, slots=True)
class EndAllSessions:
    """Log out everywhere."""

    sessions: UserSessions

    def __call__(self, token: AccessToken) -> None:
        """End every session of the user, this one too, at once."""
        with self.sessions.of(token) as session:
            refresh_tokens.revoke_all(session, token.user_id)
            users.end_access_tokens(session, token.user_id)
            audit_events.record_event(session, token.user_id, Action.SESSIONS_ENDED, source=token.source)
