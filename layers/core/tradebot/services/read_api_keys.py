"""Show a user's exchange keys: never a secret, only the last characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.repositories import api_keys

if TYPE_CHECKING:
    from tradebot.repositories.pages import Page, Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class ReadApiKeys:
    """List keys, or show one."""

    sessions: UserSessions

    def page(self, token: AccessToken, *, limit: int, cursor: str | None) -> Page:
        """Return a page of the user's keys, newest first."""
        with self.sessions.of(token) as session:
            return api_keys.list_api_keys(session, token.user_id, limit=limit, cursor=cursor)

    def one(self, token: AccessToken, api_key_id: int) -> Record:
        """Return one key. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            return api_keys.get_api_key(session, token.user_id, api_key_id)
