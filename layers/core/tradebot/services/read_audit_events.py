"""Show users what was done in their accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.repositories import audit_events

if TYPE_CHECKING:
    from tradebot.domain.span import Span
    from tradebot.repositories.pages import Page
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class ReadAuditEvents:
    """List events."""

    sessions: UserSessions

    def __call__(
        self, token: AccessToken, *, action: str | None, created: Span, limit: int, cursor: str | None
    ) -> Page:
        """Return a page of the user's events, newest first."""
        with self.sessions.of(token) as session:
            return audit_events.list_events(
                session, token.user_id, action=action, created=created, limit=limit, cursor=cursor
            )
