"""Register a user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.repositories import users
from tradebot.security.passwords import require_acceptable

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.passwords import PasswordHasher
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class RegisterUser:
    """Open an account."""

    open_session: OpenSession
    passwords: PasswordHasher

    def __call__(self, *, email: str, password: str) -> Record:
        """Return the new user. Raises InvalidInputError (password) or ConflictError (address taken)."""
        require_acceptable(password)
        hashed_password = self.passwords.hash(password)  # before the transaction: it takes longer than all of it
        with self.open_session(None) as session:
            user_id = users.begin_as_new_user(session)
            return users.insert_user(session, user_id=user_id, email=email.lower(), hashed_password=hashed_password)
