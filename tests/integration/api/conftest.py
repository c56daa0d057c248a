"""The API function's handler over real Postgres, and AWS's own client over moto for KMS, secrets, rules, invokes."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from moto import mock_aws
from sqlalchemy import text

from tests.fixtures.database import TestDatabase, TestServer, copied
from tests.fixtures.doors import forget, load_handler
from tests.integration.api.gateway import Client
from tradebot.bootstrap.api import token_authority
from tradebot.bootstrap.aws_clients import lambda_client
from tradebot.bootstrap.database import database_engine
from tradebot.observability import logger, metrics
from tradebot.repositories.session import make_engine, session_scope
from tradebot.security.passwords import PasswordHasher
from tradebot.services.send_mail import SendMail
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

RULE = "tradebot-test-tick"
REPORTS = "tradebot-test-reports"
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:tradebot-test-backtest"
#: A market that was listed in 2020 and stands in the middle of 2024.
FACTS: dict[str, Any] = {
    "rules": {
        "symbol": "BTCUSDT",
        "base_asset": "BTC",
        "quote_asset": "USDT",
        "tick_size": "0.01",
        "step_size": "0.00001",
        "min_qty": "0.00001",
        "max_qty": "120",
        "min_notional": "5",
    },
    "first_at": "2020-01-01T00:00:00+00:00",
    "newest_at": "2024-07-01T12:00:00+00:00",
}
PASSWORD = "seven-candles-before-noon"
#: Of PASSWORD, cheaper than the policy asks for.
HASH = PasswordHasher(memory_kib=64, iterations=1).hash(PASSWORD)
_numbers = count(1)


@dataclass
class Cloud:
    """What moto holds for the function, and what the function asked Lambda for."""

    key_id: str
    invocations: list[dict[str, Any]] = field(default_factory=list)
    #: What backtest_plan answers about a market: a result, or the name and words of an error.
    facts: dict[str, Any] | tuple[str, str] = field(default_factory=lambda: dict(FACTS))
    mail_requests: list[dict[str, Any]] = field(default_factory=list)

    def record(self, params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        """Note what boto3 is about to send to Lambda; answer for the function that is waited for."""
        body = json.loads(params["body"])
        if "facts" in body:
            assert "X-Amz-Invocation-Type" not in params["headers"]
            return AWSResponse("", 200, HTTPHeaders(), None), self._answer()
        assert params["headers"]["X-Amz-Invocation-Type"] == "Event"
        function = params["url_path"].split("/")[3]
        {"bot-runner": self.invocations, "maintenance": self.mail_requests}[function].append(body)
        return None

    def _answer(self) -> dict[str, Any]:
        if isinstance(self.facts, dict):
            return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(self.facts).encode())}
        failed = json.dumps({"errorType": self.facts[0], "errorMessage": self.facts[1]})
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(failed.encode())}

    def executions(self) -> dict[str, str]:
        """Return the status of each execution by its name."""
        listed = boto3.client("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
        return {one["name"]: one["status"] for one in listed}

    def put_report(self, user_id: int, backtest_id: int, name: str, content: bytes) -> None:
        """Store a file as the workflow does."""
        key = f"backtests/{user_id}/{backtest_id}/{name}"
        boto3.client("s3").put_object(Bucket=REPORTS, Key=key, Body=content)

    def reports(self) -> list[str]:
        """Return the keys of all files."""
        return [one["Key"] for one in boto3.client("s3").list_objects_v2(Bucket=REPORTS).get("Contents", [])]

    def rule_is_enabled(self) -> bool:
        """Tell whether the dispatcher's rule fires."""
        return bool(boto3.client("events").describe_rule(Name=RULE)["State"] == "ENABLED")

    def disable_rule(self) -> None:
        """Do what the dispatcher does when it finds no active bot."""
        boto3.client("events").disable_rule(Name=RULE)


@pytest.fixture(scope="module")
def _moto() -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "POWERTOOLS_SERVICE_NAME": "api",
            "POWERTOOLS_METRICS_NAMESPACE": "TradeBot",
        }.items():
            environment.setenv(name, value)
        with mock_aws(config={"lambda": {"use_docker": False}}):
            cloud = Cloud(boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])
            boto3.client("secretsmanager").create_secret(
                Name="tradebot-test-token", SecretString=json.dumps({"signing_key": "k" * 64})
            )
            boto3.client("secretsmanager").create_secret(
                Name="tradebot-test-webhook", SecretString=json.dumps({"signing_key": "w" * 64})
            )
            boto3.client("events").put_rule(Name=RULE, ScheduleExpression="cron(* * * * ? *)", State="DISABLED")
            role = boto3.client("iam").create_role(RoleName="bot-runner", AssumeRolePolicyDocument="{}", Path="/x/")
            for name in ("bot-runner", "maintenance"):
                boto3.client("lambda").create_function(
                    FunctionName=name,
                    Runtime="python3.13",
                    Role=role["Role"]["Arn"],
                    Handler="handler.handler",
                    Code={"ZipFile": b"-"},
                )
            boto3.client("s3").create_bucket(
                Bucket=REPORTS, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
            )
            boto3.client("stepfunctions").create_state_machine(
                name="tradebot-test-backtest", definition="{}", roleArn=role["Role"]["Arn"]
            )
            yield cloud


@pytest.fixture(scope="module")
def api_database(postgres_server: TestServer, template_database: str) -> Iterator[TestDatabase]:
    """One database for the tests of a module: each has users of its own, and users do not see each other."""
    with copied(postgres_server, template_database) as made:
        yield made


@pytest.fixture(scope="module")
def _function(api_database: TestDatabase, _moto: Cloud) -> Iterator[Callable[..., Any]]:
    """functions/api/handler.py as Lambda loads it, with what the template gives it."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "DATABASE_URL": api_database.url,
            "DATABASE_ROLE": "app_api",
            "CREDENTIALS_KEY_ID": _moto.key_id,
            "BOT_RUNNER_FUNCTION": "bot-runner",
            "MAINTENANCE_FUNCTION": "maintenance",
            "ALLOWED_ORIGINS": "https://desk.example.com http://localhost:5173",
            "TICK_RULE": RULE,
            "TOKEN_SECRET_ID": "tradebot-test-token",
            "WEBHOOK_SECRET_ID": "tradebot-test-webhook",
            "BACKTEST_PLAN_FUNCTION": "backtest-plan",
            "BACKTEST_STATE_MACHINE": MACHINE,
            "REPORT_BUCKET": REPORTS,
        }.items():
            environment.setenv(name, value)
        forget()
        module = load_handler("api")
        # What a handler returns takes the call's place, which the stubs do not know.
        record: Callable[..., Any] = _moto.record
        lambda_client().meta.events.register("before-call.lambda.Invoke", record)
        # Mangum takes the thread's event loop, or makes one that nobody closes.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        yield module.handler
        asyncio.set_event_loop(None)
        loop.close()
        database_engine().dispose()
        forget()


@pytest.fixture
def cloud(_moto: Cloud) -> Cloud:
    """AWS, with the invocations of this test alone."""
    _moto.invocations.clear()
    _moto.facts = dict(FACTS)
    _moto.mail_requests.clear()
    _moto.disable_rule()
    return _moto


@pytest.fixture
def handler(_function: Callable[..., Any], cloud: Cloud) -> Callable[..., Any]:
    """The function's handler; tests share it as invocations share a warm function."""
    return _function


@pytest.fixture
def anybody(handler: Callable[..., Any]) -> Client:
    """A client that has not logged in."""
    return Client(handler)


@pytest.fixture
def new_user(anybody: Client, backstage: Backstage) -> Callable[[], Client]:
    """Make users with a session. Hashing and logging in have tests of their own, and take their time."""

    def make() -> Client:
        email = f"trader{next(_numbers)}@example.com"
        user_id = backstage.value(
            "INSERT INTO users (email, hashed_password, verified_at) VALUES (:email, :hash, now()) RETURNING id",
            email=email,
            hash=HASH,
        )
        client = Client(anybody.handler, token_authority().issue(user_id, 0))
        client.user = client.get("/v1/users/me").json
        return client

    return make


@pytest.fixture
def alice(new_user: Callable[[], Client]) -> Client:
    """A user."""
    return new_user()


@pytest.fixture
def bob(new_user: Callable[[], Client]) -> Client:
    """Another user."""
    return new_user()


def key_body(**changes: object) -> dict[str, Any]:
    """Return a valid new API key."""
    body: dict[str, Any] = {
        "label": "demo",
        "environment": "testnet",
        "api_key": "the-public-half-of-the-key-x7Qa",
        "secret_key": "the-half-that-nobody-may-see",
    }
    return {**body, **changes}


def bot_body(**changes: object) -> dict[str, Any]:
    """Return a valid new bot, without a key."""
    body: dict[str, Any] = {
        "name": "trend",
        "symbol": "BTCUSDT",
        "timeframe": "5m",
        "stop_loss_perc": "1.5",
        "take_profit_perc": "3",
        "ema_fast": 9,
        "ema_slow": 21,
        "rsi_period": 14,
        "rsi_oversold": 30,
        "rsi_overbought": 70,
    }
    return {**body, **changes}


def backtest_body(**changes: object) -> dict[str, Any]:
    """Return a valid backtest of half a year."""
    strategy = {name: value for name, value in bot_body().items() if name not in {"name", "symbol", "timeframe"}}
    body: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "interval": "5m",
        "start_date": "2023-01-01",
        "end_date": "2023-07-01",
        "initial_capital": "10000",
        "parameters": strategy,
    }
    return {**body, **changes}


class Backstage:
    """Does to rows what other functions do: the check of a key, a position, trades."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, statement: str, **parameters: object) -> None:
        """Run one statement past row level security."""
        with self._engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def value(self, statement: str, **parameters: object) -> Any:
        """Return the first column of the first row."""
        with self._engine.begin() as connection:
            return connection.execute(text(statement), parameters).scalar()

    def mark_key(self, api_key_id: int, *, error: str | None = None) -> None:
        """Answer a key's check."""
        self.run(
            "UPDATE api_keys SET is_valid = :ok, checked_at = now(), check_error = :error WHERE id = :id",
            id=api_key_id,
            ok=error is None,
            error=error,
        )

    def end_backtest(self, backtest_id: int, status: str = "succeeded") -> None:
        """Let the workflow come to an end."""
        self.run(
            "UPDATE backtests SET status = :status, progress = 1, started_at = now(), finished_at = now(),"
            " metrics = '{\"sharpe_ratio\": 1.5}', daily_results = '[]', monthly_results = '[]',"
            " error_message = CASE WHEN :status = 'failed' THEN 'The exchange is away.' END WHERE id = :id",
            id=backtest_id,
            status=status,
        )

    def open_position(self, bot_id: int) -> None:
        """Let a bot hold a position."""
        self.run(
            "UPDATE bot_states SET in_position = true, entry_price = 24000, current_position_size_coins = 0.5,"
            " last_price = 24100, unrealized_pnl = 50, strategy_state = '{\"v\": 1}' WHERE id = :id",
            id=bot_id,
        )

    def hold_lease(self, bot_id: int, seconds: int = 60) -> None:
        """Let a tick run."""
        self.run(
            "UPDATE bot_states SET lease_token = 1, lease_expires_at = now() + make_interval(secs => :seconds)"
            " WHERE id = :id",
            id=bot_id,
            seconds=seconds,
        )


@pytest.fixture
def backstage(_backstage: Backstage) -> Backstage:
    """What the other functions would do."""
    return _backstage


@pytest.fixture(scope="module")
def _backstage(api_database: TestDatabase) -> Iterator[Backstage]:
    engine = make_engine(Settings({"DATABASE_URL": api_database.superuser_url}))
    yield Backstage(engine)
    engine.dispose()


@pytest.fixture
def mails(api_database: TestDatabase) -> Iterator[Callable[[], list[Mail]]]:
    """Do what maintenance does when it is asked to, and return what it sent: all that lies in the outbox."""
    engine = make_engine(api_database.settings("app_maintenance"))

    class Post:
        def __init__(self) -> None:
            self.sent: list[Mail] = []

        def send(self, *, to: str, subject: str, body: str) -> None:
            found = re.search(r"^[\w-]{43}$", body, re.MULTILINE)
            self.sent.append(Mail(to, subject, found.group(0) if found else None))

    def deliver() -> list[Mail]:
        post = Post()
        SendMail(partial(session_scope, engine), post)()
        return post.sent

    yield deliver
    metrics().clear_metrics()
    engine.dispose()


@dataclass(frozen=True)
class Mail:
    """A mail that was sent."""

    to: str
    subject: str
    token: str | None


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the function logs, as CloudWatch gets it."""
    out = io.StringIO()
    handlers = [one for one in logger().handlers if isinstance(one, logging.StreamHandler)]
    before = [one.setStream(out) for one in handlers]
    yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    for one, stream in zip(handlers, before, strict=True):
        one.setStream(stream)


@pytest.fixture
def valid_key(alice: Client, backstage: Backstage) -> int:
    """A key of Alice that the exchange accepted."""
    key_id: int = alice.post("/v1/api-keys", key_body()).json["id"]
    backstage.mark_key(key_id)
    return key_id
