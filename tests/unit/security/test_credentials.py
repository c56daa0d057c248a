"""Exchange credentials at rest: nothing opens that was changed, or moved to another column, row or user."""

from __future__ import annotations

import base64
import dataclasses
import json
import pickle
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.fixtures.aws import moto_aws
from tradebot.security.credentials import (
    Credentials,
    SealedCredentials,
    open_credentials,
    seal_credentials,
)
from tradebot.security.data_keys import (
    CachedDataKeyOpener,
    CredentialsUnreadableError,
    KmsDataKeyMaker,
    KmsDataKeyOpener,
    encryption_context,
)
from tradebot.security.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_kms import KMSClient

CREDENTIALS = Credentials(Secret("public-half-x7Qa"), Secret("nobody-may-see-this"))
OWNER = {"user_id": 1, "api_key_id": 7}


@pytest.fixture(scope="module")
def kms() -> Iterator[KMSClient]:
    with moto_aws():
        yield boto3.client("kms", region_name="eu-central-1")


@pytest.fixture(scope="module")
def key_id(kms: KMSClient) -> str:
    return kms.create_key()["KeyMetadata"]["KeyId"]


@pytest.fixture(scope="module")
def maker(kms: KMSClient, key_id: str) -> KmsDataKeyMaker:
    return KmsDataKeyMaker(lambda: kms, key_id)


@pytest.fixture(scope="module")
def opener(kms: KMSClient, key_id: str) -> KmsDataKeyOpener:
    return KmsDataKeyOpener(lambda: kms, key_id)


@pytest.fixture(scope="module")
def sealed(maker: KmsDataKeyMaker) -> SealedCredentials:
    return seal_credentials(maker, CREDENTIALS, **OWNER)


def reopen(opener: KmsDataKeyOpener, sealed: SealedCredentials, **changes: object) -> Credentials:
    columns = dataclasses.asdict(sealed)
    del columns["key_hint"]
    return open_credentials(opener, **{**OWNER, **columns, **changes})


def test_what_was_sealed_opens_for_its_owner(opener: KmsDataKeyOpener, sealed: SealedCredentials) -> None:
    assert reopen(opener, sealed) == CREDENTIALS


def test_an_ed25519_key_in_pem_keeps_its_line_breaks(maker: KmsDataKeyMaker, opener: KmsDataKeyOpener) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
    given = Credentials(Secret("public-half-x7Qa"), Secret(pem))
    assert reopen(opener, seal_credentials(maker, given, **OWNER)).secret_key.reveal() == pem


def test_no_column_holds_the_secrets_and_the_hint_is_four_characters(sealed: SealedCredentials) -> None:
    stored = json.dumps(dataclasses.asdict(sealed))
    assert sealed.key_hint == "x7Qa"
    for secret in ("public-half", "nobody-may"):
        assert secret not in stored
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in stored


def test_sealing_twice_shares_nothing(maker: KmsDataKeyMaker, sealed: SealedCredentials) -> None:
    again = seal_credentials(maker, CREDENTIALS, **OWNER)
    assert again.encrypted_api_key != sealed.encrypted_api_key
    assert again.encrypted_data_key != sealed.encrypted_data_key


def test_swapped_columns_do_not_open(opener: KmsDataKeyOpener, sealed: SealedCredentials) -> None:
    with pytest.raises(CredentialsUnreadableError):
        reopen(
            opener,
            sealed,
            encrypted_api_key=sealed.encrypted_secret_key,
            encrypted_secret_key=sealed.encrypted_api_key,
        )


def test_a_row_copied_to_another_user_or_id_does_not_open(opener: KmsDataKeyOpener, sealed: SealedCredentials) -> None:
    for stolen in ({"user_id": 2}, {"api_key_id": 8}):
        with pytest.raises(CredentialsUnreadableError):
            reopen(opener, sealed, **stolen)


def test_a_column_of_another_row_does_not_open_even_under_its_own_data_key(
    maker: KmsDataKeyMaker, opener: KmsDataKeyOpener, sealed: SealedCredentials
) -> None:
    other = seal_credentials(maker, CREDENTIALS, user_id=1, api_key_id=8)
    with pytest.raises(CredentialsUnreadableError):
        reopen(opener, sealed, encrypted_secret_key=other.encrypted_secret_key)
    with pytest.raises(CredentialsUnreadableError):
        reopen(opener, sealed, encrypted_data_key=other.encrypted_data_key)


def test_the_associated_data_binds_the_row_even_where_the_data_key_is_shared(
    kms: KMSClient, maker: KmsDataKeyMaker, sealed: SealedCredentials
) -> None:
    """Whoever can unwrap the data key still cannot pass the ciphertext off as another row's."""
    plaintext = KmsDataKeyOpener(lambda: kms, maker.key_id).open(
        base64.b64decode(sealed.encrypted_data_key), encryption_context(1, 7)
    )

    class Fixed:
        def open(self, wrapped: bytes, context: object) -> bytes:  # noqa: ARG002  the protocol's
            return plaintext

    columns = {
        "encrypted_api_key": sealed.encrypted_api_key,
        "encrypted_secret_key": sealed.encrypted_secret_key,
        "encrypted_data_key": sealed.encrypted_data_key,
    }
    assert open_credentials(Fixed(), user_id=1, api_key_id=7, **columns) == CREDENTIALS
    with pytest.raises(CredentialsUnreadableError):
        open_credentials(Fixed(), user_id=2, api_key_id=7, **columns)


#: What KMS does not open raises; moto answers AccessDenied where KMS says InvalidCiphertext or IncorrectKey.
UNREADABLE = (CredentialsUnreadableError, ClientError)


@pytest.mark.parametrize("column", ["encrypted_api_key", "encrypted_secret_key", "encrypted_data_key"])
@pytest.mark.parametrize("place", [0, 1, 13, -1], ids=["version", "nonce", "text", "tag"])
def test_any_changed_byte_is_noticed(
    opener: KmsDataKeyOpener, sealed: SealedCredentials, column: str, place: int
) -> None:
    blob = bytearray(base64.b64decode(getattr(sealed, column)))
    blob[place] ^= 1
    with pytest.raises(UNREADABLE):
        reopen(opener, sealed, **{column: base64.b64encode(bytes(blob)).decode()})


@pytest.mark.parametrize("text", ["", "AQ==", "not base64!", "é", "A" * 9999])
def test_what_is_no_ciphertext_is_unreadable_and_no_crash(
    opener: KmsDataKeyOpener, sealed: SealedCredentials, text: str
) -> None:
    with pytest.raises(CredentialsUnreadableError):
        reopen(opener, sealed, encrypted_secret_key=text)


def test_a_data_key_wrapped_by_another_kms_key_is_refused(
    kms: KMSClient, opener: KmsDataKeyOpener, sealed: SealedCredentials
) -> None:
    foreign = kms.create_key()["KeyMetadata"]["KeyId"]
    wrapped = KmsDataKeyMaker(lambda: kms, foreign).make(encryption_context(1, 7)).wrapped
    with pytest.raises(UNREADABLE):
        reopen(opener, sealed, encrypted_data_key=base64.b64encode(wrapped).decode())


def test_the_format_is_written_down_here_too(kms: KMSClient, sealed: SealedCredentials) -> None:
    """Independent of the code under test: version 1, nonce, AES-256-GCM with canonical JSON as associated data."""
    context = {"app": "tradebot", "purpose": "exchange-key", "user_id": "1", "api_key_id": "7"}
    data_key = kms.decrypt(CiphertextBlob=base64.b64decode(sealed.encrypted_data_key), EncryptionContext=context)
    blob = base64.b64decode(sealed.encrypted_secret_key)
    facts = b'\x01{"api_key_id":"7","app":"tradebot","field":"secret_key","purpose":"exchange-key","user_id":"1"}'
    assert blob[0] == 1
    assert AESGCM(data_key["Plaintext"]).decrypt(blob[1:13], blob[13:], facts) == b"nobody-may-see-this"


def test_credentials_and_keys_show_nothing(maker: KmsDataKeyMaker) -> None:
    assert "nobody" not in f"{CREDENTIALS!r} {CREDENTIALS} {CREDENTIALS.secret_key}"
    data_key = maker.make({})
    assert repr(data_key) == "DataKey()"
    with pytest.raises(TypeError):
        pickle.dumps(CREDENTIALS)


class CountingOpener:
    """Opens anything, and counts."""

    def __init__(self) -> None:
        self.calls = 0

    def open(self, wrapped: bytes, context: object) -> bytes:  # noqa: ARG002  the protocol's
        self.calls += 1
        return bytes(32)


def test_an_opened_data_key_is_kept_for_minutes_at_most() -> None:
    clock = [0.0]
    inner = CountingOpener()
    cache = CachedDataKeyOpener(inner, keep_seconds=300, monotonic=lambda: clock[0])
    for _ in range(3):
        cache.open(b"a", {"user_id": "1"})
    assert inner.calls == 1
    clock[0] = 300.0
    cache.open(b"a", {"user_id": "1"})
    assert inner.calls == 2


def test_a_kept_data_key_is_only_given_for_its_own_context() -> None:
    inner = CountingOpener()
    cache = CachedDataKeyOpener(inner)
    cache.open(b"a", {"user_id": "1"})
    cache.open(b"a", {"user_id": "2"})
    assert inner.calls == 2


def test_the_number_of_kept_data_keys_is_bounded() -> None:
    inner = CountingOpener()
    cache = CachedDataKeyOpener(inner, max_keys=2)
    for number in range(5):
        cache.open(bytes([number]), {})
    assert len(cache._opened) == 2
