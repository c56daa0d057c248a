"""Sign what lies in the outbox for webhooks and hand it to the function that posts it; at least once, by its id."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradebot.domain.message import Channel, MessageKind
from tradebot.errors import CloudUnavailableError
from tradebot.observability import count, logger
from tradebot.repositories import notification_settings, outbox
from tradebot.security.webhook_delivery import Delivery
from tradebot.security.webhook_signatures import sign
from tradebot.services.notification_texts import notification_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.aws.invoker import Caller
    from tradebot.repositories.outbox import Outgoing
    from tradebot.security.webhook_signatures import WebhookSecrets
    from tradebot.services.user_sessions import OpenSession

BATCH = 20
#: Of a batch: a receiver that hangs keeps nobody else's messages waiting.
BATCH_OF_ONE_USER = 5
#: After this no further batch is begun; the next run goes on.
MOST_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class SendWebhooks:
    """A message whose arrival was not noted is sent again under its id."""

    open_session: OpenSession
    secrets: WebhookSecrets
    sender: Caller

    def __call__(self) -> int:
        """Send what is due and return how many messages arrived."""
        arrived, ends_at = 0, time.monotonic() + MOST_SECONDS
        while time.monotonic() < ends_at:
            with self.open_session(None) as session:
                messages = outbox.claim_messages(
                    session, Channel.WEBHOOK, list(MessageKind), limit=BATCH, most_of_one_user=BATCH_OF_ONE_USER
                )
            if not messages:
                break
            arrived += self._send(messages)
        count("WebhooksSent", arrived)
        return arrived

    def _send(self, messages: Sequence[Outgoing]) -> int:
        salts: dict[int, str] = {}
        deliveries = []
        for message in messages:
            prepared = self._prepared(message)
            if prepared is not None:
                salts[message.id], delivery = prepared
                deliveries.append(delivery)
        if not deliveries:
            return 0
        # No transaction is open while receivers answer.
        try:
            results = self.sender.call({"deliveries": [asdict(one) for one in deliveries]})["results"]
            errors = {str(one["id"]): one["error"] for one in results}
        except CloudUnavailableError:
            logger().warning("webhooks not posted", exc_info=True)
            errors = {}
        for message in messages:
            if message.id in salts:
                self._note(message, salts[message.id], errors.get(str(message.message_id), "It could not be sent."))
        return sum(error is None for error in errors.values())

    def _prepared(self, message: Outgoing) -> tuple[str, Delivery] | None:
        """Return the webhook's salt and the signed message; None, and the message is done, where it is not wanted."""
        with self.open_session(None) as session:
            wanted = notification_settings.find_settings(session, message.user_id)
            if wanted is None or wanted.webhook_url is None or message.kind in wanted.webhook_off:
                outbox.mark_sent(session, message.id)
                return None
        secret = self.secrets.secret_of(message.user_id, wanted.webhook_salt)
        return wanted.webhook_salt, signed(message, wanted.webhook_url, secret, at=int(time.time()))

    def _note(self, message: Outgoing, salt: str, error: str | None) -> None:
        with self.open_session(None) as session:
            # Before the message counts as sent: the settings of nobody else are in sight.
            notification_settings.note_delivery(session, message.user_id, salt=salt, error=error)
            if error is None:
                outbox.mark_sent(session, message.id)
                return
            outbox.mark_failed(session, message.id, error)
            if message.attempts >= outbox.MAX_ATTEMPTS:
                self._give_up(session, message, error)

    def _give_up(self, session: Any, message: Outgoing, error: str) -> None:
        count("WebhooksGivenUp")
        url = notification_settings.find_settings(session, message.user_id)
        payload = {
            "host": urlsplit(url.webhook_url).hostname if url is not None and url.webhook_url else None,
            "message_id": str(message.message_id),
            "error": error,
        }
        # One note a day, however many messages.
        key = f"given_up:{message.user_id}:{time.strftime('%Y-%m-%d', time.gmtime())}"
        note = outbox.Message(MessageKind.WEBHOOK_GIVEN_UP, key, payload)
        outbox.add_events(session, message.user_id, [note], channels=[Channel.MAIL])


def signed(message: Outgoing, url: str, secret: Any, *, at: int) -> Delivery:
    """Return the message as it travels."""
    subject, text = notification_text(MessageKind(message.kind), message.payload)
    message_id = str(message.message_id)
    body = json.dumps(
        {
            "id": message_id,
            "type": message.kind,
            "created_at": message.created_at.isoformat(),
            "subject": subject,
            "text": text,
            "data": message.payload,
        },
        separators=(",", ":"),
    )
    headers = {
        "content-type": "application/json",
        "user-agent": "TradeBot-Webhook/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, message_id=message_id, timestamp=at, body=body),
    }
    return Delivery(message_id, url, headers, body)
