"""The maintenance function's handler over real Postgres, and AWS's own client over moto."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests.integration.api.gateway import LambdaContext
from tradebot import bootstrap
from tradebot.observability import metrics
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.database import TestDatabase

HANDLER = Path(__file__).parents[3] / "functions" / "maintenance" / "handler.py"


@dataclass
class Cloud:
    """What moto holds for the function."""

    key_id: str
    #: Names of the requests to KMS, in their order.
    kms_calls: list[str] = field(default_factory=list)


@contextmanager
def moto_cloud() -> Iterator[Cloud]:
    """Give AWS as far as maintenance uses it."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "POWERTOOLS_SERVICE_NAME": "maintenance",
            "POWERTOOLS_METRICS_NAMESPACE": "TradeBot",
        }.items():
            environment.setenv(name, value)
        with mock_aws():
            boto3.client("sesv2").create_email_identity(EmailIdentity="tradebot@example.com")
            yield Cloud(boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """AWS for one test."""
    with moto_cloud() as made:
        yield made


def forget() -> None:
    """Make the next handler read its environment anew."""
    load_settings.cache_clear()
    metrics().clear_metrics()
    metrics.cache_clear()
    for made in vars(bootstrap).values():
        if hasattr(made, "cache_clear") and made.__module__ == bootstrap.__name__:
            made.cache_clear()


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
        }.items():
            environment.setenv(name, value)
        forget()
        spec = importlib.util.spec_from_file_location("maintenance_handler", HANDLER)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        bootstrap.kms_client().meta.events.register(
            "before-call.kms", lambda model, **_: cloud.kms_calls.append(model.name)
        )
        yield lambda event: module.handler(event, LambdaContext())
        bootstrap.database_engine().dispose()
        forget()
