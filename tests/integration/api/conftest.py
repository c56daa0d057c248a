"""The API function's handler over real Postgres, and AWS's own client over moto for KMS, secrets, rules, invokes."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.database import TestDatabase, TestServer, copied
from tests.fixtures.doors import forget, load_handler
from tests.integration.api.backstage import Backstage
from tests.integration.api.bodies import PASSWORD, key_body
from tests.integration.api.cloud import FACTS, MACHINE, REPORTS, RULE, Cloud, moto_cloud
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

#: Of PASSWORD, cheaper than the policy asks for.
HASH = PasswordHasher(memory_kib=64, iterations=1).hash(PASSWORD)
_numbers = count(1)


@pytest.fixture(scope="module")
def _moto() -> Iterator[Cloud]:
    with moto_cloud() as made:
        yield made


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
