"""Show users themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.repositories import users

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class GetUser:
    """Show the token's user."""

    sessions: UserSessions

    def __call__(self, token: AccessToken) -> Record:
        """Return what may be shown of the user."""
        with self.sessions.of(token) as session:
            return users.get_user(session, token.user_id)
