"""A forgotten password: a token goes to the address, and with it a new password is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.domain.message import MessageKind
from tradebot.repositories import audit_events, outbox, refresh_tokens, users
from tradebot.repositories.session import commit_without_waiting
from tradebot.security.one_time_tokens import token_hash
from tradebot.security.passwords import require_acceptable
from tradebot.services.log_in import NOBODY
from tradebot.services.verify_address import unknown_token

if TYPE_CHECKING:
    from tradebot.security.passwords import PasswordHasher
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.throttle import Throttle
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class RequestPasswordReset:
    """Have a token mailed. An address that nobody has gets the same answer for the same work."""

    open_session: OpenSession
    throttle: Throttle
    request_mail: RequestMail

    def __call__(self, *, email: str, source: str | None) -> None:
        """Mail a token to the address, where it has an account. Raises ThrottledError."""
        self.throttle.require("mail", address=email, source=source)
        with self.open_session(None) as session:
            login = users.find_login(session, email.lower())
        user_id = login.id if login is not None and login.is_active else NOBODY
        with self.open_session(user_id) as session:
            commit_without_waiting(session)
            outbox.add_message(session, user_id, MessageKind.RESET_PASSWORD)
        self.request_mail()


@dataclass(frozen=True, slots=True)
class ResetPassword:
    """Redeem the token, and end all sessions."""

    open_session: OpenSession
    throttle: Throttle
    passwords: PasswordHasher
    request_mail: RequestMail

    def __call__(self, *, token: str, password: str, source: str | None) -> None:
        """Set the password, once. Raises InvalidInputError (token, password) or ThrottledError."""
        require_acceptable(password)
        self.throttle.require("token", address=None, source=source)
        presented = token_hash(token)
        with self.open_session(None) as session:
            user_id = users.find_user_by_token(session, presented)
        if user_id is None:
            raise unknown_token()
        hashed_password = self.passwords.hash(password)
        with self.open_session(user_id) as session:
            if not users.redeem_reset_token(session, user_id, token_hash=presented, hashed_password=hashed_password):
                raise unknown_token()
            refresh_tokens.revoke_all(session, user_id)
            audit_events.record_event(session, user_id, Action.PASSWORD_RESET, source=source)
            outbox.add_message(session, user_id, MessageKind.PASSWORD_CHANGED)
        self.request_mail()
