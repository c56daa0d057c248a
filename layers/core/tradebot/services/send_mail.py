"""Send what lies in the outbox. Tokens are made here, at the last moment, so that none rests anywhere in clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.domain.message import NOTIFICATIONS, Channel, MessageKind
from tradebot.errors import CloudUnavailableError
from tradebot.observability import count, logger
from tradebot.repositories import notification_settings, outbox, users
from tradebot.security.one_time_tokens import new_token, token_hash
from tradebot.services.mail_texts import MAIL_TEXTS
from tradebot.services.notification_texts import notification_text

if TYPE_CHECKING:
    from tradebot.aws.mail import Mailer
    from tradebot.repositories.outbox import Outgoing
    from tradebot.services.user_sessions import OpenSession

#: Claimed together: one that is claimed and not sent waits for its next attempt.
BATCH = 20
MAX_BATCHES = 25
_MAILED = (*MAIL_TEXTS, *NOTIFICATIONS, MessageKind.WEBHOOK_GIVEN_UP)


@dataclass(frozen=True, slots=True)
class SendMail:
    """At least once: a mail whose sending was not noted is sent again, with another token, and the newest counts."""

    open_session: OpenSession
    mailer: Mailer

    def __call__(self) -> int:
        """Send what is due and return how many mails that were."""
        sent = 0
        for _ in range(MAX_BATCHES):
            with self.open_session(None) as session:
                messages = outbox.claim_messages(session, Channel.MAIL, _MAILED, limit=BATCH, most_of_one_user=BATCH)
            sent += sum(self._send(message) for message in messages)
            if len(messages) < BATCH:
                break
        count("MailsSent", sent)
        return sent

    def _send(self, message: Outgoing) -> bool:
        kind = MessageKind(message.kind)
        token = new_token()
        with self.open_session(None) as session:
            recipient = users.find_recipient(session, message.user_id)
            if recipient is None:
                return False  # the account is gone, and the message with it
            if kind in NOTIFICATIONS:
                wanted = notification_settings.find_settings(session, message.user_id)
                if wanted is not None and kind in wanted.mail_off:
                    outbox.mark_sent(session, message.id)
                    return False
            to = message.payload.get("to") or recipient.email
            if kind is MessageKind.VERIFY_ADDRESS:
                to = recipient.new_email or recipient.email
                users.set_verification_token(session, message.user_id, token_hash(token))
            elif kind is MessageKind.RESET_PASSWORD:
                users.set_reset_token(session, message.user_id, token_hash(token))
        # No transaction is open while the mail service answers.
        subject, body = _words(kind, message, token)
        try:
            self.mailer.send(to=to, subject=subject, body=body)
        except CloudUnavailableError as error:
            logger().warning("mail not sent", exc_info=True, extra={"message_id": message.id, "kind": message.kind})
            with self.open_session(None) as session:
                outbox.mark_failed(session, message.id, str(error.__cause__ or error))
            return False
        with self.open_session(None) as session:
            outbox.mark_sent(session, message.id)
        return True


def _words(kind: MessageKind, message: Outgoing, token: str) -> tuple[str, str]:
    if kind in MAIL_TEXTS:
        return MAIL_TEXTS[kind].subject, MAIL_TEXTS[kind].body.format(token=token)
    subject, text = notification_text(kind, message.payload)
    ending = f"Choose what you are told: PATCH /v1/users/me/notifications. Message {message.message_id}"
    return subject, f"{text}\n\n{ending}\n"
