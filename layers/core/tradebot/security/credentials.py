"""Exchange credentials at rest: each column its own AES-256-GCM ciphertext under the row's data key.

The encryption context and the column's name are authenticated with it, so that nothing opens in another row, another
column or under another user. A text column holds base64 of: version byte, 12-byte nonce, ciphertext with its tag.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tradebot.security.data_keys import CredentialsUnreadableError, encryption_context
from tradebot.security.secret import Secret

if TYPE_CHECKING:
    from tradebot.security.data_keys import Context, DataKeyMaker, DataKeyOpener

_VERSION = b"\x01"
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2; a data key seals two values in its life, so random nonces cannot meet
_HINT_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Credentials:
    """An exchange's key and secret in clear. Their repr shows neither."""

    api_key: Secret
    secret_key: Secret


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """What the row of `api_keys` holds: base64 texts, and the last characters of the key for its owner's eyes."""

    encrypted_api_key: str
    encrypted_secret_key: str
    encrypted_data_key: str
    key_hint: str


def seal_credentials(
    data_keys: DataKeyMaker, credentials: Credentials, *, user_id: int, api_key_id: int
) -> SealedCredentials:
    """Encrypt for the row `api_key_id` of `user_id`; the id is taken from the sequence before the row exists."""
    context = encryption_context(user_id, api_key_id)
    data_key = data_keys.make(context)
    cipher = AESGCM(data_key.plaintext)
    api_key = credentials.api_key.reveal()
    return SealedCredentials(
        encrypted_api_key=_seal(cipher, context, "api_key", api_key),
        encrypted_secret_key=_seal(cipher, context, "secret_key", credentials.secret_key.reveal()),
        encrypted_data_key=base64.b64encode(data_key.wrapped).decode(),
        key_hint=api_key[-_HINT_CHARACTERS:],
    )


def open_credentials(
    data_keys: DataKeyOpener,
    *,
    user_id: int,
    api_key_id: int,
    encrypted_api_key: str,
    encrypted_secret_key: str,
    encrypted_data_key: str,
) -> Credentials:
    """Decrypt a row's credentials (bot_runner only). Raises CredentialsUnreadableError where anything was moved."""
    context = encryption_context(user_id, api_key_id)
    cipher = AESGCM(data_keys.open(_decoded(encrypted_data_key), context))
    return Credentials(
        api_key=Secret(_open(cipher, context, "api_key", encrypted_api_key)),
        secret_key=Secret(_open(cipher, context, "secret_key", encrypted_secret_key)),
    )


def _associated_data(context: Context, field: str) -> bytes:
    """Canonical JSON (sorted members, no spaces): the same bytes for the same facts, here and in any other reader."""
    facts = {**context, "field": field}
    return _VERSION + json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _seal(cipher: AESGCM, context: Context, field: str, value: str) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    sealed = cipher.encrypt(nonce, value.encode(), _associated_data(context, field))
    return base64.b64encode(_VERSION + nonce + sealed).decode()


def _open(cipher: AESGCM, context: Context, field: str, sealed: str) -> str:
    blob = _decoded(sealed)
    version, nonce, ciphertext = blob[:1], blob[1 : 1 + _NONCE_BYTES], blob[1 + _NONCE_BYTES :]
    if version != _VERSION:
        raise CredentialsUnreadableError("These credentials have an unknown format; store the key anew.")
    try:
        return cipher.decrypt(nonce, ciphertext, _associated_data(context, field)).decode()
    except (InvalidTag, ValueError) as error:
        raise CredentialsUnreadableError(
            "These credentials were changed or moved since they were stored; store the key anew."
        ) from error


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CredentialsUnreadableError("These credentials are not base64; store the key anew.") from error
