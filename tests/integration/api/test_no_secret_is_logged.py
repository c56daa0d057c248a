"""Unique secrets go through every route at DEBUG, and none of them is found in what is logged or answered."""

from __future__ import annotations

import base64
import io
import logging
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.integration.api.bodies import bot_body, key_body
from tradebot.bootstrap.aws_clients import kms_client
from tradebot.observability import logger
from tradebot.security.redaction import install_redaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.conftest import Mail
    from tests.integration.api.gateway import Client


class Log:
    """All that Python logs, twice: ours as it is, and with AWS's client's as a function's formatter leaves it."""

    def __init__(self) -> None:
        self.ours = io.StringIO()
        self.redacted = io.StringIO()
        plain, redacting = logging.StreamHandler(self.ours), logging.StreamHandler(self.redacted)
        plain.addFilter(lambda record: not record.name.startswith(("botocore", "boto3", "urllib3")))
        install_redaction([redacting])
        self.handlers = [plain, redacting]


@pytest.fixture
def log() -> Iterator[Log]:
    root, ours = logging.getLogger(), logger()
    levels = root.level, ours.log_level
    made = Log()
    for handler in made.handlers:
        root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield made
    for handler in made.handlers:
        root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.fixture
def data_keys() -> Iterator[list[str]]:
    """Every data key that KMS hands out in clear."""
    seen: list[str] = []

    def note(parsed: dict[str, bytes], **_: object) -> None:
        seen.append(base64.b64encode(parsed["Plaintext"]).decode())

    kms_client().meta.events.register("after-call.kms.GenerateDataKey", note)
    yield seen
    kms_client().meta.events.unregister("after-call.kms.GenerateDataKey", note)


def test_no_route_logs_or_answers_a_secret(
    anybody: Client, backstage: Backstage, log: Log, data_keys: list[str], mails: Callable[[], list[Mail]]
) -> None:
    password, api_key, secret_key = (f"canary-{secrets.token_hex(16)}" for _ in range(3))
    email = f"{secrets.token_hex(4)}@example.com"
    answers = [
        anybody.post("/v1/auth/register", {"email": email, "password": password}),
        anybody.post("/v1/auth/register", {"email": email, "password": password}),
        anybody.post("/v1/auth/register", {"email": "x", "password": password, "unknown": 1}),
        anybody.post("/v1/auth/login", {"email": email, "password": password + "x"}),
        anybody.request("POST", "/v1/auth/login", raw=f'{{"password": "{password}"'.encode()),
    ]
    verification = mails()[0].token
    answers += [
        anybody.post("/v1/auth/verify", {"token": verification}),
        anybody.post("/v1/auth/forgot-password", {"email": email}),
    ]
    reset = mails()[-1].token
    answers.append(anybody.post("/v1/auth/reset-password", {"token": reset, "password": password}))
    session = anybody.post("/v1/auth/login", {"email": email, "password": password}).json
    refreshed = anybody.post("/v1/auth/refresh", {"refresh_token": session["refresh_token"]}).json
    anybody.token = refreshed["access_token"]
    assert anybody.token is not None
    key = anybody.post("/v1/api-keys", key_body(api_key=api_key, secret_key=secret_key))
    backstage.mark_key(key.json["id"])
    bot = anybody.post("/v1/bot-configs", bot_body(api_key_id=key.json["id"], name="canary bird"))
    bot_id = bot.json["id"]
    answers += [
        key,
        bot,
        anybody.post("/v1/api-keys", key_body(api_key=api_key, secret_key=secret_key, environment="moon")),
        anybody.post("/v1/api-keys", key_body(api_key=api_key, secret_key=secret_key + "\x07")),
        anybody.get("/v1/api-keys"),
        anybody.get(f"/v1/api-keys/{key.json['id']}"),
        anybody.post(f"/v1/bot-runner/{bot_id}/start"),
        anybody.get(f"/v1/bot-reports/{bot_id}"),
        anybody.post(f"/v1/bot-runner/{bot_id}/stop"),
    ]
    stored = backstage.value(
        "SELECT jsonb_build_array((SELECT jsonb_agg(k) FROM api_keys k), (SELECT jsonb_agg(u) FROM users u),"
        " (SELECT jsonb_agg(o) FROM outbox o), (SELECT jsonb_agg(r) FROM refresh_tokens r),"
        " (SELECT jsonb_agg(e) FROM audit_events e))::text"
    )
    answers.append(anybody.delete(f"/v1/api-keys/{key.json['id']}"))
    assert len(data_keys) == 1
    canaries = {
        "password": password,
        "api key": api_key,
        "secret key": secret_key,
        "access token": anybody.token,
        "refresh token": refreshed["refresh_token"],
        "used refresh token": session["refresh_token"],
        "verification token": verification,
        "reset token": reset,
        "its signature": anybody.token.rsplit(".", 1)[1],
        "data key": data_keys[0],
        "signing key": "k" * 64,
    }
    places = {
        "our log": log.ours.getvalue(),
        "the whole log, redacted": log.redacted.getvalue(),
        "the answers": " ".join(f"{answer.body!r} {answer.headers}" for answer in answers),
        "the database": stored,
    }
    assert "GenerateDataKey" in places["the whole log, redacted"]
    found = [(name, place) for place, text in places.items() for name, canary in canaries.items() if canary in text]
    assert found == []
