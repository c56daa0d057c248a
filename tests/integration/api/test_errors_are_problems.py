"""Every error is a problem (RFC 9457), says what is wrong, and shows nothing of the inside or of a secret."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from mangum import Mangum

from tests.integration.api.bodies import PASSWORD, bot_body, key_body
from tests.integration.api.gateway import Client
from tradebot.bootstrap.api import api_use_cases
from tradebot.repositories.database_errors import translated_session
from tradebot.repositories.session import make_engine
from tradebot.services.check_health import CheckHealth
from tradebot.settings import Settings
from tradebot_api.app import TEXT_MIME_TYPES, create_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.gateway import Answer


def fields(answer: Answer) -> dict[str, str]:
    return {error["field"]: error["rule"] for error in answer.problem["errors"]}


def test_a_path_that_is_not_there(anybody: Client) -> None:
    for path in ("/", "/v1", "/v2/health", "/v1/health/", "/v1/bot-configs/1/extra", "/v1/%00", "/v1/\ud800"):
        problem = anybody.get(path).problem
        assert (problem["status"], problem["type"]) == (404, "urn:tradebot:problem:not-found"), path


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v1/bot-configs", "GET, POST"),
        ("POST", "/v1/bot-configs/1", "DELETE, GET, PATCH"),
        ("DELETE", "/v1/health", "GET"),
        ("GET", "/v1/auth/login", "POST"),
        ("TRACE", "/v1/trades", "GET"),
        ("OPTIONS", "/v1/api-keys/1", "DELETE, GET, PATCH"),
        ("PROPFIND", "/v1/docs", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_answer(anybody: Client, method: str, path: str, allow: str) -> None:
    answer = anybody.request(method, path)
    assert answer.problem["status"] == 405
    assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    "raw",
    [b"{", b'{"email": }', b"\xff\xfe\x00", b"nothing", b'{"a":' + b"[" * 9_000, b"9" * 6_000],
    ids=["cut off", "no value", "not UTF-8", "a word", "deep", "a long number"],
)
def test_a_body_that_cannot_be_read(anybody: Client, raw: bytes) -> None:
    answer = anybody.request("POST", "/v1/auth/login", raw=raw)
    assert answer.problem["status"] == 400


@pytest.mark.parametrize(
    "body", [[], "text", 7, None, {}, {"email": None}, {"email": ["a@example.com"], "password": {}}], ids=repr
)
def test_a_body_of_another_shape(anybody: Client, body: object) -> None:
    answer = anybody.request("POST", "/v1/auth/login", raw=json.dumps(body).encode())
    assert answer.problem["status"] == 422
    assert answer.problem["errors"]


def test_a_body_that_is_missing_or_not_called_json(anybody: Client) -> None:
    assert anybody.request("POST", "/v1/auth/login").problem["status"] == 422
    form = anybody.request(
        "POST",
        "/v1/auth/login",
        raw=b"email=a%40example.com",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert form.problem["status"] == 422


def test_a_body_that_is_too_large(anybody: Client) -> None:
    answer = anybody.request("POST", "/v1/auth/login", raw=b" " * 32_769)
    assert answer.problem["status"] == 413
    undeclared = anybody.request("POST", "/v1/auth/login", raw=b" " * 32_769, headers={"content-length": "1"})
    assert undeclared.status in {400, 413}


def test_a_field_that_is_not_known_is_named(alice: Client) -> None:
    answer = alice.post("/v1/bot-configs", bot_body(is_active=True, user_id=1))
    assert fields(answer) == {"is_active": "unknown_field", "user_id": "unknown_field"}


def test_lone_surrogates_are_refused_and_not_a_crash(alice: Client) -> None:
    assert alice.post("/v1/bot-configs", bot_body(name="\ud800")).problem["status"] == 422
    assert alice.post("/v1/bot-configs", {**bot_body(), "\ud800": 1}).problem["status"] == 422
    password = {"email": "a@example.com", "password": "\ud800" * 10}
    assert alice.post("/v1/auth/register", password).problem["status"] == 422
    assert alice.post("/v1/auth/login", password).problem["status"] == 422


@pytest.mark.parametrize("name", ["", " \t", "a\0b", "line\nbreak", "x" * 101, "\x7f", 7, None])
def test_a_name_is_one_bounded_line_of_text(alice: Client, name: object) -> None:
    assert "name" in fields(alice.post("/v1/bot-configs", bot_body(name=name)))


def test_secrets_are_not_repeated_in_problems(anybody: Client, alice: Client) -> None:
    short = anybody.post("/v1/auth/register", {"email": "not an address", "password": "hush"})
    assert fields(short) == {"email": "value_error", "password": "too_short"}
    assert b"hush" not in short.body
    bad_key = alice.post("/v1/api-keys", key_body(secret_key="hush-hush-\x07-hush-hush"))
    assert "secret_key" in fields(bad_key)
    assert b"hush" not in bad_key.body
    common = anybody.post("/v1/auth/register", {"email": "a@example.com", "password": "Password123"})
    assert fields(common) == {"password": "password_common"}
    assert b"Password123" not in common.body


@pytest.mark.parametrize("path_id", ["0", "-1", "2147483648", "9" * 40, "1.5", "x", "1e3", "%00", "1%2F2"])
@pytest.mark.parametrize("path", ["/v1/bot-configs/{}", "/v1/api-keys/{}", "/v1/bot-states/{}", "/v1/bot-reports/{}"])
def test_an_id_out_of_range_is_never_a_crash(alice: Client, path: str, path_id: str) -> None:
    assert alice.get(path.format(path_id)).problem["status"] in {404, 422}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": 0}, "query.limit"),
        ({"limit": 201}, "query.limit"),
        ({"limit": "many"}, "query.limit"),
        ({"cursor": "!"}, "query.cursor"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "MS4w"}, "cursor"),
        ({"cursor": "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x"}, "cursor"),
        ({"bot_config_id": 0}, "query.bot_config_id"),
        ({"bot_config_id": 2**31}, "query.bot_config_id"),
    ],
)
def test_a_query_parameter_out_of_range_is_named(alice: Client, query: dict[str, object], field: str) -> None:
    answer = alice.get("/v1/trades", **query)
    assert answer.problem["status"] == 422
    assert list(fields(answer)) == [field]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer x.y.z", "Bearer \xe9", "x"])
def test_without_a_good_token_nothing_is_answered(anybody: Client, authorization: str) -> None:
    answer = anybody.request("GET", "/v1/users/me", headers={"authorization": authorization})
    assert answer.problem["status"] == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_raising_the_users_version_ends_all_sessions_at_once(alice: Client, backstage: Backstage) -> None:
    assert alice.get("/v1/users/me").status == 200
    backstage.run("UPDATE users SET token_version = token_version + 1 WHERE id = :id", id=alice.user["id"])
    assert alice.get("/v1/users/me").problem["status"] == 401
    assert alice.post("/v1/bot-configs", bot_body()).problem["status"] == 401


def test_an_inactive_or_deleted_account_has_no_session(alice: Client, bob: Client, backstage: Backstage) -> None:
    backstage.run("UPDATE users SET is_active = false WHERE id = :id", id=alice.user["id"])
    backstage.run("DELETE FROM users WHERE id = :id", id=bob.user["id"])
    for client in (alice, bob):
        assert client.get("/v1/users/me").problem["status"] == 401
        login = client.post("/v1/auth/login", {"email": client.user["email"], "password": PASSWORD})
        assert login.problem["status"] == 401


def test_a_wrong_password_and_an_unknown_address_answer_the_same(anybody: Client, alice: Client) -> None:
    wrong = anybody.post("/v1/auth/login", {"email": alice.user["email"], "password": "wrong-password"}).problem
    unknown = anybody.post("/v1/auth/login", {"email": "nobody@example.com", "password": "wrong-password"}).problem
    for problem in (wrong, unknown):
        del problem["request_id"]
    assert wrong == unknown


def test_an_unforeseen_error_tells_its_request_id_and_nothing_else(
    alice: Client, monkeypatch: pytest.MonkeyPatch, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the inside of things, signature=abcdef0123456789")

    monkeypatch.setattr("tradebot.repositories.users.get_user", explode)
    answer = alice.get("/v1/users/me")
    assert answer.problem["status"] == 500
    assert b"inside" not in answer.body
    assert b"Zero" not in answer.body
    logged = [line for line in log_lines() if line["level"] == "ERROR"]
    assert [(line["request_id"], line["exception_name"]) for line in logged] == [
        (answer.problem["request_id"], "ZeroDivisionError")
    ]
    assert "abcdef0123456789" not in json.dumps(logged)


def test_a_database_that_does_not_answer_is_503_and_retryable(anybody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradebot.repositories.session.REFUSED_PATIENCE_SECONDS", 0)
    nobody_listens = make_engine(Settings({"DATABASE_URL": "postgresql://app@127.0.0.1:1/tradebot?sslmode=disable"}))
    cases = dataclasses.replace(api_use_cases(), check_health=CheckHealth(partial(translated_session, nobody_listens)))
    client = Client(Mangum(create_app(cases), lifespan="off", text_mime_types=TEXT_MIME_TYPES))
    answer = client.get("/v1/health")
    assert answer.problem["status"] == 503
    assert answer.problem["type"] == "urn:tradebot:problem:database-unavailable"
    assert answer.headers["retry-after"] == "5"
    assert anybody.get("/v1/health").json == {"status": "ok"}


def test_every_answer_carries_the_security_headers(anybody: Client) -> None:
    for path in ("/v1/health", "/v1/nothing", "/v1/users/me"):
        headers = anybody.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "max-age" in headers["strict-transport-security"]
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
