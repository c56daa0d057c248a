"""Register: an account that counts once its address was confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.domain.message import MessageKind
from tradebot.repositories import audit_events, outbox, users
from tradebot.security.passwords import require_acceptable

if TYPE_CHECKING:
    from tradebot.repositories.pages import Record
    from tradebot.security.passwords import PasswordHasher
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.throttle import Throttle
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class RegisterUser:
    """Open an account. Whether the address has one already, only who reads its mail learns."""

    open_session: OpenSession
    throttle: Throttle
    passwords: PasswordHasher
    request_mail: RequestMail

    def __call__(self, *, email: str, password: str, source: str | None) -> None:
        """Mail a token to the address. Raises InvalidInputError (password) or ThrottledError."""
        email = email.lower()
        require_acceptable(password)
        self.throttle.require("mail", address=email, source=source)
        hashed_password = self.passwords.hash(password)  # before the transaction: it takes longer than all of it
        with self.open_session(None) as session:
            known = users.find_login(session, email)
        if known is not None:
            self._register_again(known, hashed_password, source)
        elif not self._register(email, hashed_password, source):
            return self(email=email, password=password, source=source)  # somebody else did, at the same moment
        self.request_mail()
        return None

    def _register(self, email: str, hashed_password: str, source: str | None) -> bool:
        with self.open_session(None) as session:
            user_id = users.begin_as_new_user(session)
            if not users.insert_user(session, user_id=user_id, email=email, hashed_password=hashed_password):
                return False
            audit_events.record_event(session, user_id, Action.ACCOUNT_REGISTERED, source=source)
            outbox.add_message(session, user_id, MessageKind.VERIFY_ADDRESS)
        return True

    def _register_again(self, known: Record, hashed_password: str, source: str | None) -> None:
        kind = MessageKind.ALREADY_REGISTERED if known.is_verified else MessageKind.VERIFY_ADDRESS
        with self.open_session(known.id) as session:
            users.replace_unverified_password(session, known.id, hashed_password)
            audit_events.record_event(session, known.id, Action.ACCOUNT_REGISTERED_AGAIN, source=source)
            outbox.add_message(session, known.id, kind)
