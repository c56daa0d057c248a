"""The keys that sign access tokens, from Secrets Manager: the secret's current version and the one before it.

Rotation is one PutSecretValue: Secrets Manager then calls the old version AWSPREVIOUS, and tokens that it signed stay
good for their ten minutes.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.cloud_calls import calling
from tradebot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_secretsmanager import SecretsManagerClient

#: The member of the secret's JSON that holds the key (GenerateSecretString's GenerateStringKey in the template).
SECRET_MEMBER = "signing_key"  # noqa: S105  a name, not a secret
_MIN_BYTES = 32  # RFC 7518, 3.2: HS256 needs a key at least as long as its hash
_REFRESH_SECONDS = 60.0


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A secret that signs and the id under which tokens name it."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SigningKey(key_id={self.key_id!r})"

    @classmethod
    def from_text(cls, text: str) -> SigningKey:
        """Name the key by a digest of itself, so that nothing beside it has to be stored or kept in step."""
        secret = text.encode()
        return cls(hashlib.sha256(b"tradebot token key id\0" + secret).hexdigest()[:16], secret)


class SecretsManagerSigningKeys:
    """Reads the secret once; again only when a token names an unknown key, and then at most once a minute."""

    def __init__(
        self,
        make_client: Callable[[], SecretsManagerClient],
        secret_id: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_client = make_client
        self._secret_id = secret_id
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: tuple[SigningKey, ...] = ()
        self._read_at = -_REFRESH_SECONDS

    def current(self) -> SigningKey:
        """Return the key that signs. Raises ConfigurationError where the secret is unusable."""
        with self._lock:
            if not self._keys:
                self._read()
            return self._keys[0]

    def find(self, key_id: str) -> SigningKey | None:
        """Return the current or previous key of this id, reading anew where it is unknown: it may have rotated."""
        with self._lock:
            known = self._known(key_id)
            if known is None and (not self._keys or self._monotonic() - self._read_at >= _REFRESH_SECONDS):
                self._read()
                known = self._known(key_id)
            return known

    def _known(self, key_id: str) -> SigningKey | None:
        return next((key for key in self._keys if key.key_id == key_id), None)

    def _read(self) -> None:
        with calling("The secret that signs tokens"):
            self._read_secret()

    def _read_secret(self) -> None:
        client = self._make_client()
        keys = [_parse(client.get_secret_value(SecretId=self._secret_id)["SecretString"])]
        try:
            previous = client.get_secret_value(SecretId=self._secret_id, VersionStage="AWSPREVIOUS")
        except client.exceptions.ResourceNotFoundException:
            pass  # never rotated
        else:
            keys.append(_parse(previous["SecretString"]))
        self._keys = tuple(keys)
        self._read_at = self._monotonic()


def _parse(secret_string: str) -> SigningKey:
    try:
        text = json.loads(secret_string)[SECRET_MEMBER]
    except (ValueError, KeyError, TypeError):
        text = None
    if not isinstance(text, str) or len(text.encode()) < _MIN_BYTES:
        raise ConfigurationError(
            f"the token secret needs to be JSON with a member {SECRET_MEMBER!r} of at least {_MIN_BYTES} bytes"
        )
    return SigningKey.from_text(text)
