"""What a user wants to be told, by which channel; and the webhook, whose secret is shown once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from tradebot.domain.audit import Action
from tradebot.domain.message import NOTIFICATIONS, Channel, MessageKind
from tradebot.errors import ConflictError, InvalidInputError
from tradebot.repositories import audit_events, notification_settings, outbox
from tradebot.security.webhook_delivery import parse_webhook_url
from tradebot.security.webhook_signatures import new_salt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tradebot.security.secret import Secret
    from tradebot.security.tokens import AccessToken
    from tradebot.security.webhook_signatures import WebhookSecrets
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.throttle import Throttle
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """Read and change."""

    sessions: UserSessions
    throttle: Throttle
    secrets: WebhookSecrets
    request_mail: RequestMail

    def read(self, token: AccessToken) -> dict[str, Any]:
        """Return `switches`, one for each kind, and `webhook`, None where there is none."""
        with self.sessions.of(token) as session:
            return _shown(notification_settings.find_settings(session, token.user_id))

    def switch(self, token: AccessToken, switches: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Switch kinds on or off: {"kind", "mail", "webhook"}, of the channels those that are named."""
        with self.sessions.of(token) as session:
            before = notification_settings.lock_settings(session, token.user_id)
            off = {channel: set(getattr(before, f"{channel}_off")) for channel in Channel}
            for switch in switches:
                for channel in Channel:
                    is_on = switch.get(channel.value)
                    if is_on is not None:
                        (off[channel].discard if is_on else off[channel].add)(switch["kind"])
            values = {f"{channel}_off": sorted(kinds) for channel, kinds in off.items()}
            after = notification_settings.change_settings(session, token.user_id, values)
            self._record(session, token, Action.NOTIFICATIONS_CHANGED, audit_events.changes(before, after, values))
            return _shown(after)

    def set_webhook(self, token: AccessToken, url: str) -> tuple[dict[str, Any], Secret]:
        """Return the webhook and its secret, a new one with each call. Raises InvalidInputError."""
        try:
            parse_webhook_url(url)
        except ValueError as error:
            raise InvalidInputError(str(error), field="url", rule="public_https") from error
        salt = new_salt()
        secret = self.secrets.secret_of(token.user_id, salt)
        with self.sessions.of(token) as session:
            before = notification_settings.lock_settings(session, token.user_id)
            values = notification_settings.webhook_values(url=url, salt=salt)
            after = notification_settings.change_settings(session, token.user_id, values)
            self._record(session, token, Action.WEBHOOK_SET, _hosts(before, after))
            return _webhook(after), secret

    def remove_webhook(self, token: AccessToken) -> None:
        """Post nothing more; where there is no webhook, nothing changes."""
        with self.sessions.of(token) as session:
            before = notification_settings.lock_settings(session, token.user_id)
            if before.webhook_url is None:
                return
            values = notification_settings.webhook_values(url=None, salt=None)
            after = notification_settings.change_settings(session, token.user_id, values)
            self._record(session, token, Action.WEBHOOK_REMOVED, _hosts(before, after))

    def test_webhook(self, token: AccessToken) -> str:
        """Have a test message posted and return its id. Raises ConflictError without a webhook, ThrottledError."""
        self.throttle.require("webhook", address=str(token.user_id), source=token.source)
        message_id = uuid4()
        with self.sessions.of(token) as session:
            wanted = notification_settings.find_settings(session, token.user_id)
            if wanted is None or wanted.webhook_url is None:
                raise ConflictError("There is no webhook; set one first: PUT /v1/users/me/webhook.")
            message = outbox.Message(MessageKind.WEBHOOK_TEST, f"test:{message_id}", {}, message_id)
            outbox.add_events(session, token.user_id, [message], channels=[Channel.WEBHOOK])
        self.request_mail()
        return str(message_id)

    def _record(self, session: Any, token: AccessToken, action: Action, details: dict[str, Any]) -> None:
        audit_events.record_event(session, token.user_id, action, source=token.source, details=details)


def _hosts(before: Any, after: Any) -> dict[str, Any]:
    """Return the change without the URLs, which may be secrets themselves."""
    hosts = [row.webhook_url and parse_webhook_url(row.webhook_url).host for row in (before, after)]
    return {"before": {"host": hosts[0]}, "after": {"host": hosts[1]}}


def _shown(row: Any) -> dict[str, Any]:
    mail_off, webhook_off = (() if row is None else getattr(row, f"{channel}_off") for channel in Channel)
    return {
        "switches": [
            {"kind": kind.value, "mail": kind.value not in mail_off, "webhook": kind.value not in webhook_off}
            for kind in NOTIFICATIONS
        ],
        "webhook": None if row is None or row.webhook_url is None else _webhook(row),
    }


def _webhook(row: Any) -> dict[str, Any]:
    return {
        "url": row.webhook_url,
        "set_at": row.webhook_set_at,
        "delivered_at": row.webhook_delivered_at,
        "failed_at": row.webhook_failed_at,
        "error": row.webhook_error,
    }
