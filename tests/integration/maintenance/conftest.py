"""The maintenance function's handler over real Postgres, and AWS's own client over moto."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.fixtures.aws import moto_aws
from tests.fixtures.doors import forget, load_handler
from tests.integration.api.gateway import LambdaContext
from tradebot.bootstrap.aws_clients import kms_client
from tradebot.bootstrap.database import database_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.database import TestDatabase


@dataclass
class Cloud:
    """What moto holds for the function."""

    key_id: str
    #: Names of the requests to KMS, in their order.
    kms_calls: list[str] = field(default_factory=list)


@contextmanager
def moto_cloud() -> Iterator[Cloud]:
    """Give AWS as far as maintenance uses it."""
    with moto_aws("maintenance"):
        boto3.client("sesv2").create_email_identity(EmailIdentity="tradebot@example.com")
        boto3.client("secretsmanager").create_secret(Name="webhook", SecretString='{"signing_key": "' + "w" * 64 + '"}')
        yield Cloud(boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """AWS for one test."""
    with moto_cloud() as made:
        yield made


@pytest.fixture
def maintenance(database: TestDatabase, cloud: Cloud) -> Iterator[Callable[[dict[str, Any]], dict[str, Any]]]:
    """functions/maintenance/handler.py as Lambda loads it, with what the template gives it."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "DATABASE_URL": database.url,
            "DATABASE_ROLE": "app_maintenance",
            "CREDENTIALS_KEY_ID": cloud.key_id,
            "BOT_RUNNER_FUNCTION": "bot-runner",
            "TICK_RULE": "tick",
            "BACKTEST_STATE_MACHINE": "arn:aws:states:eu-central-1:123456789012:stateMachine:backtest",
            "MAIL_SENDER": "tradebot@example.com",
            "WEBHOOK_SECRET_ID": "webhook",
            "WEBHOOK_SENDER_FUNCTION": "webhook-sender",
        }.items():
            environment.setenv(name, value)
        forget()
        module = load_handler("maintenance")
        kms_client().meta.events.register("before-call.kms", lambda model, **_: cloud.kms_calls.append(model.name))
        yield lambda event: module.handler(event, LambdaContext())
        database_engine().dispose()
        forget()
