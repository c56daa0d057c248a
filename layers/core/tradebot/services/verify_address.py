"""Confirm an address by the token that was mailed to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.audit import Action
from tradebot.domain.message import MessageKind
from tradebot.errors import InvalidInputError
from tradebot.repositories import audit_events, outbox, refresh_tokens, users
from tradebot.security.one_time_tokens import token_hash

if TYPE_CHECKING:
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.throttle import Throttle
    from tradebot.services.user_sessions import OpenSession


@dataclass(frozen=True, slots=True)
class VerifyAddress:
    """Confirm the address of a new account, or the one that is to take the present one's place."""

    open_session: OpenSession
    throttle: Throttle
    request_mail: RequestMail

    def __call__(self, *, token: str, source: str | None) -> None:
        """Confirm, once. Raises InvalidInputError, ConflictError (taken meanwhile) or ThrottledError."""
        self.throttle.require("token", address=None, source=source)
        presented = token_hash(token)
        with self.open_session(None) as session:
            user_id = users.find_user_by_token(session, presented)
        if user_id is None:
            raise unknown_token()
        with self.open_session(user_id) as session:
            verified = users.redeem_verification_token(session, user_id, token_hash=presented)
            if verified is None:
                raise unknown_token()
            if verified.email == verified.old_email:
                audit_events.record_event(session, user_id, Action.ACCOUNT_VERIFIED, source=source)
                return
            refresh_tokens.revoke_all(session, user_id)
            details = {"before": {"email": verified.old_email}, "after": {"email": verified.email}}
            audit_events.record_event(session, user_id, Action.ADDRESS_CHANGED, source=source, details=details)
            # To the former address: whoever lost an account this way learns it there.
            outbox.add_message(session, user_id, MessageKind.ADDRESS_CHANGED, {"to": verified.old_email})
        self.request_mail()


def unknown_token() -> InvalidInputError:
    """Return the refusal of a mailed token, in the same words whatever is wrong with it."""
    return InvalidInputError(
        "The token is unknown, used, expired, or a newer one was mailed; ask for a new one.",
        field="token",
        rule="one_time_token",
    )
