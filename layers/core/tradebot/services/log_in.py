"""Exchange an address and a password for a session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.errors import AddressNotVerifiedError, AuthenticationError
from tradebot.repositories import audit_events, refresh_tokens, users
from tradebot.repositories.session import commit_without_waiting
from tradebot.security.one_time_tokens import new_token, token_hash
from tradebot.services.session_tokens import SessionTokens

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.passwords import PasswordHasher
    from tradebot.security.tokens import TokenAuthority
    from tradebot.services.throttle import Throttle
    from tradebot.services.user_sessions import OpenSession

#: An id that no user has: for who is unknown the same statements run, and change nothing.
NOBODY = 0


@dataclass(frozen=True, slots=True)
class LogIn:
    """Check a password and open a session. Who is unknown, inactive or wrong gets the same answer for the same work."""

    open_session: OpenSession
    throttle: Throttle
    passwords: PasswordHasher
    tokens: TokenAuthority

    def __call__(self, *, email: str, password: str, source: str | None) -> SessionTokens:
        """Return a session. Raises AuthenticationError, AddressNotVerifiedError or ThrottledError."""
        self.throttle.require("password", address=email, source=source)
        with self.open_session(None) as session:
            login = users.find_login(session, email.lower())
        if not self._is_right(login, password):
            with self.open_session(login.id if login else NOBODY) as session:
                commit_without_waiting(session)
                audit_events.record_event(session, login.id if login else NOBODY, Action.SESSION_REFUSED, source=source)
            raise AuthenticationError("The address or the password is wrong.")
        assert login is not None
        if not login.is_verified:
            raise AddressNotVerifiedError(
                "This address is not confirmed yet: use the token that was mailed to it, or register again."
            )
        new_hash = self.passwords.hash(password) if self.passwords.is_outdated(login.hashed_password) else None
        refresh_token = new_token()
        with self.open_session(login.id) as session:
            if new_hash is not None:
                users.replace_password_hash(session, login.id, old=login.hashed_password, new=new_hash)
            refresh_tokens.begin_family(session, login.id, token_hash(refresh_token))
            audit_events.record_event(session, login.id, Action.SESSION_OPENED, source=source)
        return SessionTokens(self.tokens.issue(login.id, login.token_version), refresh_token)

    def _is_right(self, login: Record | None, password: str) -> bool:
        if login is None or not login.is_active:
            self.passwords.spend(password)
            return False
        return self.passwords.is_match(password, login.hashed_password)
