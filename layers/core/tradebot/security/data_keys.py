"""Data keys of exchange credentials: made and opened by KMS, one per row, under a context that names the row.

Making, opening and rewrapping are classes of their own because they are permissions of their own: the API may only
make, bot_runner only open, maintenance only have KMS wrap anew.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tradebot.cloud_calls import calling
from tradebot.errors import TradeBotError
from tradebot.observability import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_kms import KMSClient

Context = dict[str, str]


def encryption_context(user_id: int, api_key_id: int) -> Context:
    """Return the KMS encryption context of a row of `api_keys` (CloudTrail shows it: it holds no secret)."""
    return {"app": "tradebot", "purpose": "exchange-key", "user_id": str(user_id), "api_key_id": str(api_key_id)}


class CredentialsUnreadableError(TradeBotError):
    """Stored credentials do not open: they were moved, changed, or wrapped by another key. Store the key anew."""

    code = "credentials-unreadable"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key in clear and as KMS wrapped it. Neither is shown."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes = field(repr=False)


class DataKeyMaker(Protocol):
    """Makes data keys."""

    def make(self, context: Mapping[str, str]) -> DataKey:
        """Return a fresh 256-bit key, bound to `context`."""
        ...


class DataKeyOpener(Protocol):
    """Opens wrapped data keys."""

    def open(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key in clear. Raises CredentialsUnreadableError where it was not made under `context`."""
        ...


class DataKeyRewrapper(Protocol):
    """Has wrapped data keys wrapped anew, without seeing them."""

    def rewrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the same key in another wrapping. Raises CredentialsUnreadableError as `DataKeyOpener.open` does."""
        ...


@dataclass(frozen=True, slots=True)
class KmsDataKeyMaker:
    """kms:GenerateDataKey."""

    make_client: Callable[[], KMSClient]
    key_id: str

    def make(self, context: Mapping[str, str]) -> DataKey:
        """Return a fresh 256-bit key, bound to `context`. Raises CloudUnavailableError."""
        with calling("The key service"):
            made = self.make_client().generate_data_key(
                KeyId=self.key_id, KeySpec="AES_256", EncryptionContext=dict(context)
            )
        return DataKey(plaintext=made["Plaintext"], wrapped=made["CiphertextBlob"])


@dataclass(frozen=True, slots=True)
class KmsDataKeyOpener:
    """kms:Decrypt."""

    make_client: Callable[[], KMSClient]
    key_id: str

    def open(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key in clear. Raises CredentialsUnreadableError where it was not made under `context`."""
        client = self.make_client()
        refusals = (client.exceptions.InvalidCiphertextException, client.exceptions.IncorrectKeyException)
        count("CredentialsOpened")
        try:
            # The key is named so that a blob wrapped by somebody else's key is refused, not opened.
            return client.decrypt(KeyId=self.key_id, CiphertextBlob=wrapped, EncryptionContext=dict(context))[
                "Plaintext"
            ]
        except refusals as error:
            raise CredentialsUnreadableError("KMS does not open this key's credentials; store the key anew.") from error


@dataclass(frozen=True, slots=True)
class KmsDataKeyRewrapper:
    """kms:ReEncrypt, under the newest material of the same key. The data key never leaves KMS in clear."""

    make_client: Callable[[], KMSClient]
    key_id: str

    def rewrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the same key in another wrapping.

        Raises CredentialsUnreadableError where it was not made under `context`, CloudUnavailableError.
        """
        client = self.make_client()
        refusals = (client.exceptions.InvalidCiphertextException, client.exceptions.IncorrectKeyException)
        with calling("The key service"):
            try:
                return client.re_encrypt(
                    CiphertextBlob=wrapped,
                    SourceKeyId=self.key_id,
                    SourceEncryptionContext=dict(context),
                    DestinationKeyId=self.key_id,
                    DestinationEncryptionContext=dict(context),
                )["CiphertextBlob"]
            except refusals as error:
                raise CredentialsUnreadableError(
                    "KMS does not open this key's credentials; store the key anew."
                ) from error


class CachedDataKeyOpener:
    """Keeps opened keys for minutes at most: a KMS call per tick would cost more than the tick."""

    def __init__(
        self,
        inner: DataKeyOpener,
        *,
        keep_seconds: float = 300.0,
        max_keys: int = 64,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._keep_seconds = keep_seconds
        self._max_keys = max_keys
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._opened: dict[tuple[bytes, tuple[tuple[str, str], ...]], tuple[float, bytes]] = {}

    def open(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key in clear, from memory where it was opened under the same context a short while ago."""
        entry = (wrapped, tuple(sorted(context.items())))
        now = self._monotonic()
        with self._lock:
            self._opened = {name: kept for name, kept in self._opened.items() if kept[0] > now}
            kept = self._opened.get(entry)
        if kept is not None:
            return kept[1]
        plaintext = self._inner.open(wrapped, context)
        with self._lock:
            while len(self._opened) >= self._max_keys:
                self._opened.pop(next(iter(self._opened)))
            self._opened[entry] = (now + self._keep_seconds, plaintext)
        return plaintext
