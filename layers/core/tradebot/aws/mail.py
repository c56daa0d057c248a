"""Sends mail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.cloud_calls import calling

if TYPE_CHECKING:
    from collections.abc import Callable


class Mailer(Protocol):
    """Hands a plain text to the mail system."""

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Send; it has been accepted when this returns."""
        ...


class SesClient(Protocol):
    """The part of boto3's `sesv2` client that is used."""

    def send_email(self, **arguments: Any) -> Any:
        """ses:SendEmail."""
        ...


@dataclass(frozen=True, slots=True)
class SesMailer:
    """ses:SendEmail, from one address, to one address."""

    make_client: Callable[[], SesClient]
    sender: str

    def send(self, *, to: str, subject: str, body: str) -> None:
        """Send; it has been accepted when this returns. Raises CloudUnavailableError."""
        with calling("The mail service"):
            self.make_client().send_email(
                FromEmailAddress=self.sender,
                Destination={"ToAddresses": [to]},
                Content={"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": body}}}},
            )
