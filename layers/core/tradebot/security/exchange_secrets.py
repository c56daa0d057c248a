"""The shape of an exchange's key and secret, held before they are encrypted: later nobody can look."""

from __future__ import annotations

import re
from typing import Final

from tradebot.errors import InvalidInputError
from tradebot.security.credentials import Credentials
from tradebot.security.secret import Secret

_BLOCK: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*-----END \1-----", re.DOTALL)


def canonical_credentials(credentials: Credentials) -> Credentials:
    """Return them as the exchange client signs with them. Raises InvalidInputError, whose message holds neither."""
    return Credentials(
        Secret(_word(credentials.api_key.reveal(), "api_key")), Secret(_signing_key(credentials.secret_key.reveal()))
    )


def _word(text: str, field: str) -> str:
    stripped = text.strip()
    if not re.fullmatch(r"[!-~]+", stripped):
        raise InvalidInputError("A key of the exchange has no spaces or line breaks in it.", field=field, rule="format")
    return stripped


def _signing_key(text: str) -> str:
    if "-----" not in text:
        return _word(text, "secret_key")
    block = _BLOCK.search(text)
    if block is None:
        raise _refused("The private key is cut off: paste it whole, with its BEGIN and END lines.")
    if block[1] != "PRIVATE KEY":
        raise _refused(
            f"This is PEM of the kind {block[1]}. Paste the Ed25519 private key without a password (BEGIN PRIVATE KEY)."
        )
    return _ed25519(block[0])


def _ed25519(pem: str) -> str:
    # Loaded for this kind of key only: most are HMAC secrets.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused(
            "The private key cannot be read: paste it as it was made, with its BEGIN and END lines."
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused("The private key is not an Ed25519 one: make that kind at the exchange, or use an HMAC secret.")
    # Written anew: with other line ends or text around it ccxt takes it for RSA, by its length.
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _refused(message: str) -> InvalidInputError:
    return InvalidInputError(message, field="secret_key", rule="format")
