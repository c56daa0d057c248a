"""Transactions on behalf of whoever showed an access token. Each begins by asking whether the token still counts."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import AuthenticationError
from tradebot.repositories import users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sqlalchemy.orm import Session

    from tradebot.security.tokens import AccessToken

    #: Opens one transaction as this user (None: nobody yet), commits at its end and rolls back on an error.
    OpenSession = Callable[[int | None], AbstractContextManager[Session]]


@dataclass(frozen=True, slots=True)
class UserSessions:
    """The only way in which the API's use cases reach the database for a user."""

    open_session: OpenSession

    @contextmanager
    def of(self, token: AccessToken) -> Iterator[Session]:
        """Open one transaction as the token's user. Raises AuthenticationError where its version is behind."""
        with self.open_session(token.user_id) as session:
            if not users.is_session_current(session, token.user_id, token.token_version):
                raise AuthenticationError("This session has ended; log in again.")
            yield session
