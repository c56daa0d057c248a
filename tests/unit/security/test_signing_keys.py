"""Signing keys from Secrets Manager (moto's)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.fixtures.aws import moto_aws
from tradebot.errors import ConfigurationError
from tradebot.security.signing_keys import SecretsManagerSigningKeys, SigningKey
from tradebot.security.tokens import TokenAuthority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_secretsmanager import SecretsManagerClient

SECRET = "token-secret"


@pytest.fixture
def client() -> Iterator[SecretsManagerClient]:
    with moto_aws():
        yield boto3.client("secretsmanager", region_name="eu-central-1")


def store(client: SecretsManagerClient, text: str) -> None:
    try:
        client.create_secret(Name=SECRET, SecretString=text)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=SECRET, SecretString=text)


def secret_of(letter: str) -> str:
    return json.dumps({"signing_key": letter * 64})


class Counter:
    """Counts how often the secret is read."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self.reads = 0
        self._client = client
        client.meta.events.register("before-call.secretsmanager.GetSecretValue", self._count)

    def _count(self, **_: object) -> None:
        self.reads += 1

    def __call__(self) -> SecretsManagerClient:
        return self._client


def test_the_secret_is_read_once(client: SecretsManagerClient) -> None:
    store(client, secret_of("a"))
    source = Counter(client)
    keys = SecretsManagerSigningKeys(source, SECRET)
    assert source.reads == 0
    authority = TokenAuthority(keys)
    for _ in range(3):
        authority.verify(authority.issue(1, 0))
    assert source.reads == 2  # its current version, and the previous one, which is not there


def test_after_a_rotation_old_tokens_count_and_new_ones_are_signed_anew(client: SecretsManagerClient) -> None:
    store(client, secret_of("a"))
    old = TokenAuthority(SecretsManagerSigningKeys(lambda: client, SECRET)).issue(1, 0)
    store(client, secret_of("b"))
    keys = SecretsManagerSigningKeys(lambda: client, SECRET)
    assert keys.current() == SigningKey.from_text("b" * 64)
    assert TokenAuthority(keys).verify(old).user_id == 1


def test_a_process_that_runs_learns_a_rotation_from_the_first_token_it_does_not_know(
    client: SecretsManagerClient,
) -> None:
    store(client, secret_of("a"))
    clock = [0.0]
    keys = SecretsManagerSigningKeys(lambda: client, SECRET, monotonic=lambda: clock[0])
    keys.current()
    store(client, secret_of("b"))
    new = SigningKey.from_text("b" * 64)
    assert keys.find(new.key_id) is None  # read a moment ago: strangers' tokens must not make us read all the time
    clock[0] = 61.0
    assert keys.find(new.key_id) == new
    assert keys.current() == new


def test_unknown_keys_are_looked_for_at_most_once_a_minute(client: SecretsManagerClient) -> None:
    store(client, secret_of("a"))
    source = Counter(client)
    keys = SecretsManagerSigningKeys(source, SECRET)
    for number in range(50):
        assert keys.find(f"{number:016}") is None
    assert source.reads == 2


@pytest.mark.parametrize(
    "text", ["", "not JSON", "[]", "{}", '{"signing_key": "short"}', '{"signing_key": 7}', '"a string"']
)
def test_an_unusable_secret_is_a_configuration_error_that_does_not_show_it(
    client: SecretsManagerClient, text: str
) -> None:
    store(client, text or " ")
    with pytest.raises(ConfigurationError, match="signing_key") as refused:
        SecretsManagerSigningKeys(lambda: client, SECRET).current()
    assert "short" not in str(refused.value)
