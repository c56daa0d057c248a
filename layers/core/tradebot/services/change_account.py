"""Change one's own account: profile, password, address. The last two ask for the password and end all sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.domain.audit import Action
from tradebot.domain.message import MessageKind
from tradebot.errors import ConflictError, InvalidInputError
from tradebot.repositories import audit_events, outbox, refresh_tokens, users
from tradebot.security.passwords import require_acceptable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradebot.repositories.pages import Record
    from tradebot.security.passwords import PasswordHasher
    from tradebot.security.tokens import AccessToken
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.throttle import Throttle
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class ConfirmPassword:
    """Ask who holds a session for the password: a session alone must not be enough to take the account over."""

    sessions: UserSessions
    throttle: Throttle
    passwords: PasswordHasher

    def __call__(self, token: AccessToken, password: str) -> Record:
        """Return email and hashed_password. Raises InvalidInputError or ThrottledError (tries count as logins do)."""
        with self.sessions.of(token) as session:
            login = users.get_login(session, token.user_id)
        self.throttle.require("password", address=login.email, source=token.source)
        if not self.passwords.is_match(password, login.hashed_password):
            raise InvalidInputError("The password is wrong.", field="password", rule="password")
        return login


@dataclass(frozen=True, slots=True)
class UpdateProfile:
    """Change what others never see and nothing depends on."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, changes: Mapping[str, Any]) -> Record:
        """Return the account."""
        with self.sessions.of(token) as session:
            before = users.get_user(session, token.user_id)
            effective = {name: value for name, value in changes.items() if getattr(before, name) != value}
            if not effective:
                return before
            after = users.update_profile(session, token.user_id, effective)
            details = audit_events.changes(before, after, effective)
            audit_events.record_event(
                session, token.user_id, Action.ACCOUNT_UPDATED, source=token.source, details=details
            )
            return after


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Set another password."""

    sessions: UserSessions
    confirm_password: ConfirmPassword
    passwords: PasswordHasher
    request_mail: RequestMail

    def __call__(self, token: AccessToken, *, password: str, new_password: str) -> None:
        """Change it. Raises InvalidInputError, ThrottledError, or ConflictError (changed meanwhile)."""
        require_acceptable(new_password, "new_password")
        login = self.confirm_password(token, password)
        new_hash = self.passwords.hash(new_password)
        with self.sessions.of(token) as session:
            if not users.change_password(session, token.user_id, old=login.hashed_password, new=new_hash):
                raise ConflictError("The password was changed at the same moment; log in with that one.")
            refresh_tokens.revoke_all(session, token.user_id)
            audit_events.record_event(session, token.user_id, Action.PASSWORD_CHANGED, source=token.source)
            outbox.add_message(session, token.user_id, MessageKind.PASSWORD_CHANGED)
        self.request_mail()


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """Ask for another address. It counts, and sessions end, when the token that is mailed to it comes back."""

    sessions: UserSessions
    confirm_password: ConfirmPassword
    throttle: Throttle
    request_mail: RequestMail

    def __call__(self, token: AccessToken, *, password: str, new_email: str) -> None:
        """Mail a token to the new address. Raises InvalidInputError or ThrottledError."""
        new_email = new_email.lower()
        login = self.confirm_password(token, password)
        if new_email == login.email:
            raise InvalidInputError("This is the account's address already.", field="new_email", rule="another_address")
        self.throttle.require("mail", address=new_email, source=token.source)
        with self.sessions.of(token) as session:
            users.ask_for_address(session, token.user_id, new_email)
            audit_events.record_event(
                session,
                token.user_id,
                Action.ADDRESS_CHANGE_REQUESTED,
                source=token.source,
                details={"before": {"email": login.email}, "after": {"email": new_email}},
            )
            outbox.add_message(session, token.user_id, MessageKind.VERIFY_ADDRESS)
        self.request_mail()
