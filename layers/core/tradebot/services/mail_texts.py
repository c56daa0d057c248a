"""The words of the mails."""

from __future__ import annotations

from dataclasses import dataclass

from tradebot.domain.message import MessageKind


@dataclass(frozen=True, slots=True)
class MailText:
    """A mail's subject and body; `{token}` stands where the token goes."""

    subject: str
    body: str


MAIL_TEXTS = {
    MessageKind.VERIFY_ADDRESS: MailText(
        "Confirm your address",
        """Somebody, hopefully you, wants to use this address with TradeBot. If it was not you, do nothing.

To confirm it, send this token within 24 hours as {{"token": "..."}} to POST /v1/auth/verify:

{token}
""",
    ),
    MessageKind.ALREADY_REGISTERED: MailText(
        "You have an account already",
        """Somebody, maybe you, tried to open a TradeBot account with this address, which has one. Nothing was changed.

If you forgot the password, ask for a new one: POST /v1/auth/forgot-password.
""",
    ),
    MessageKind.RESET_PASSWORD: MailText(
        "Set a new password",
        """Somebody, hopefully you, forgot the password of your TradeBot account. If it was not you, do nothing.

To set a new one, send this token within 10 minutes, with the password, to POST /v1/auth/reset-password:

{token}
""",
    ),
    MessageKind.PASSWORD_CHANGED: MailText(
        "Your password was changed",
        """The password of your TradeBot account was changed, and every session has ended.

If it was not you, set a new one at once: POST /v1/auth/forgot-password.
""",
    ),
    MessageKind.ADDRESS_CHANGED: MailText(
        "Your address was changed",
        """Your TradeBot account has another address now, and every session has ended. This one is no longer used.

If it was not you, tell whoever runs this service at once.
""",
    ),
}
