"""Exchange an address and a password for an access token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import AuthenticationError
from tradebot.repositories import users
from tradebot.security.tokens import LIFETIME_SECONDS

if TYPE_CHECKING:
    from tradebot.security.passwords import PasswordHasher
    from tradebot.security.tokens import TokenAuthority
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class Session:
    """What a login hands out."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class LogIn:
    """Check a password and issue a token. Who is unknown, inactive or wrong gets the same answer for the same work."""

    open_session: OpenSession
    passwords: PasswordHasher
    tokens: TokenAuthority

    def __call__(self, *, email: str, password: str) -> Session:
        """Return a session. Raises AuthenticationError."""
        with self.open_session(None) as session:
            login = users.find_login(session, email.lower())
        if login is None or not login.is_active:
            self.passwords.spend(password)
            raise _refusal()
        if not self.passwords.is_match(password, login.hashed_password):
            raise _refusal()
        if self.passwords.is_outdated(login.hashed_password):
            new_hash = self.passwords.hash(password)
            with self.open_session(login.id) as session:
                users.replace_password_hash(session, login.id, old=login.hashed_password, new=new_hash)
        return Session(self.tokens.issue(login.id, login.token_version), LIFETIME_SECONDS)


def _refusal() -> AuthenticationError:
    return AuthenticationError("The address or the password is wrong.")
