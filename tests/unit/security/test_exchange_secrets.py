"""What a user pastes as an exchange's key and secret, and what is kept of it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tradebot.errors import InvalidInputError
from tradebot.security.credentials import Credentials
from tradebot.security.exchange_secrets import canonical_credentials
from tradebot.security.secret import Secret

KEY = Ed25519PrivateKey.generate()
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
LONGEST_ED25519_OF_CCXT = 120


def kept(secret_key: str, api_key: str = "k" * 64) -> Credentials:
    return canonical_credentials(Credentials(Secret(api_key), Secret(secret_key)))


def test_an_hmac_secret_is_kept_without_the_space_around_it() -> None:
    credentials = kept("\n  " + "s" * 64 + "\r\n", api_key=" " + "k" * 64)
    assert (credentials.api_key.reveal(), credentials.secret_key.reveal()) == ("k" * 64, "s" * 64)


@pytest.mark.parametrize(
    "pasted",
    [
        PEM,
        PEM.strip(),
        PEM.replace("\n", "\r\n"),
        PEM.replace("\n", "\r"),
        f"\n\n{PEM}\n\n",
        f"Bag Attributes\n    friendlyName: binance\n{PEM}",
    ],
    ids=["as made", "stripped", "Windows", "old Mac", "padded", "with attributes"],
)
def test_an_ed25519_key_is_kept_as_ccxt_recognises_it(pasted: str) -> None:
    secret_key = kept(pasted).secret_key.reveal()
    assert secret_key == PEM
    assert len(secret_key) <= LONGEST_ED25519_OF_CCXT


def _rsa() -> str:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("s" * 30 + " " + "s" * 30, "no spaces"),
        ("s" * 30 + "\n" + "s" * 30, "no spaces"),
        (KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "PUBLIC KEY"),
        (KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(), "password"),
        (PEM[:60], "cut off"),
        (PEM.replace("M", "!", 1), "cannot be read"),
        (_rsa(), "not an Ed25519"),
    ],
    ids=["a space", "a line break", "public", "encrypted", "cut off", "damaged", "RSA"],
)
def test_what_cannot_sign_is_refused_in_words_that_do_not_repeat_it(pasted: str, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words) as caught:
        kept(pasted)
    assert caught.value.field == "secret_key"
    assert pasted[40:50] not in caught.value.message


def test_an_api_key_with_a_line_break_in_it_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        kept("s" * 64, api_key="k" * 20 + "\n" + "k" * 20)
    assert caught.value.field == "api_key"
