"""The secrets that webhooks are signed with, and their signatures, as Standard Webhooks defines both.

https://www.standardwebhooks.com: HMAC-SHA256 over "id.timestamp.body". A secret is derived when it is needed, from one
secret of the deployment and the webhook's salt, so that none rests in the database, encrypted or not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.security.secret import Secret

if TYPE_CHECKING:
    from tradebot.security.tokens import SigningKeys

_PREFIX = "whsec_"


def new_salt() -> str:
    """Return what makes the next webhook's secret unlike any other's."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """Derives the secret of a user's webhook."""

    keys: SigningKeys

    def secret_of(self, user_id: int, salt: str) -> Secret:
        """Return the secret, which its user is shown once."""
        master = self.keys.current().secret
        derived = hmac.digest(master, f"tradebot webhook\0{user_id}\0{salt}".encode(), hashlib.sha256)
        return Secret(_PREFIX + base64.b64encode(derived).decode())


def sign(secret: Secret, *, message_id: str, timestamp: int, body: str) -> str:
    """Return the value of `webhook-signature`."""
    key = base64.b64decode(secret.reveal().removeprefix(_PREFIX))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
