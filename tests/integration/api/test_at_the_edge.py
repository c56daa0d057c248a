"""What stands around the routes: conditional requests, origins, filters, and a cloud that does not answer."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from sqlalchemy import event

from tests.integration.api.bodies import PASSWORD, bot_body, key_body
from tradebot.bootstrap.api import token_authority
from tradebot.bootstrap.aws_clients import events_client, kms_client, lambda_client, secrets_client
from tradebot.bootstrap.database import database_engine
from tradebot.security.passwords import PasswordHasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Answer, Client


class TestConditionalRequests:
    @pytest.mark.parametrize("path", ["/v1/bot-states/{}", "/v1/bot-states", "/v1/trades", "/v1/bot-reports/{}"])
    def test_what_is_polled_is_sent_again_only_where_it_has_changed(
        self, alice: Client, backstage: Backstage, path: str
    ) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body()).json["id"]
        first = alice.get(path.format(bot_id))
        assert first.headers["cache-control"] == "private, no-cache"
        known = {"if-none-match": f'"another", W/{first.headers["etag"]}'}
        same = alice.request("GET", path.format(bot_id), headers=known)
        assert (same.status, same.body, same.headers["etag"]) == (304, b"", first.headers["etag"])
        trade(backstage, alice, bot_id)
        backstage.run("UPDATE bot_states SET daily_trades_count = daily_trades_count + 1 WHERE id = :id", id=bot_id)
        changed = alice.request("GET", path.format(bot_id), headers=known)
        assert changed.status == 200
        assert changed.json != first.json

    def test_what_is_not_polled_is_not_kept(self, alice: Client) -> None:
        me = alice.request("GET", "/v1/users/me", headers={"if-none-match": "*"})
        assert (me.status, me.headers["cache-control"]) == (200, "no-store")
        assert "etag" not in me.headers

    def test_a_refusal_is_not_compared(self, alice: Client) -> None:
        answer = alice.request("GET", "/v1/bot-states/2000000011", headers={"if-none-match": "*"})
        assert answer.problem["status"] == 404


class TestOrigins:
    @pytest.mark.parametrize("origin", ["https://desk.example.com", "http://localhost:5173"])
    def test_a_named_origin_may_ask(self, alice: Client, origin: str) -> None:
        ask = {"origin": origin, "access-control-request-method": "POST"}
        preflight = alice.request("OPTIONS", "/v1/bot-configs", headers=ask)
        assert preflight.status == 204
        assert preflight.headers["access-control-allow-origin"] == origin
        assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
        for path in ("/v1/users/me", "/v1/nothing"):
            answer = alice.request("GET", path, headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["vary"] == "Origin"
            assert "access-control-allow-credentials" not in answer.headers

    @pytest.mark.parametrize(
        "origin",
        [
            "https://desk.example.com.evil.example",
            "https://evil.example",
            "http://desk.example.com",
            "https://desk.example.com:8443",
            "https://DESK.example.com",
            "null",
            "*",
            "",
        ],
    )
    def test_another_gets_no_header_at_all(self, alice: Client, origin: str) -> None:
        ask = {"origin": origin, "access-control-request-method": "POST"}
        answers = [alice.request("OPTIONS", "/v1/bot-configs", headers=ask), alice.request("GET", "/v1/users/me")]
        assert answers[0].problem["status"] == 405
        assert not [name for answer in answers for name in answer.headers if name.startswith("access-control")]


def trade(backstage: Backstage, user: Client, bot_id: int, **changes: object) -> None:
    values = {"symbol": "BTCUSDT", "side": "BUY", "reason": "entry_signal", "at": "2023-03-13T10:00:00Z", **changes}
    backstage.run(
        "INSERT INTO trades (bot_config_id, user_id, binance_order_id, symbol, side, order_type, price, reason,"
        " quantity_filled, quote_quantity_filled, timestamp) VALUES (:bot, :user, gen_random_uuid()::text, :symbol,"
        " :side, 'MARKET', 1, :reason, 1, 1, CAST(:at AS timestamptz))",
        bot=bot_id,
        user=user.user["id"],
        **values,
    )


class TestFilters:
    def test_trades_by_side_symbol_reason_and_time(self, alice: Client, backstage: Backstage) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body()).json["id"]
        for hour in range(3):
            trade(backstage, alice, bot_id, at=f"2023-03-13T1{hour}:00:00Z")
        trade(backstage, alice, bot_id, side="SELL", reason="stop_loss", symbol="ETHUSDT", at="2023-03-14T10:00:00Z")

        def count(**query: object) -> int:
            return len(alice.get("/v1/trades", **query).json["items"])

        assert count() == 4
        assert count(side="SELL") == count(symbol="ETHUSDT") == count(reason="stop_loss") == 1
        assert count(side="BUY", symbol="ETHUSDT") == 0
        assert count(since="2023-03-13T11:00:00Z", until="2023-03-13T12:00:00Z") == 1
        assert count(since="2023-03-13T12:00:00+01:00") == 3
        page = alice.get("/v1/trades", side="BUY", limit=2).json
        assert len(alice.get("/v1/trades", side="BUY", limit=2, cursor=page["next_cursor"]).json["items"]) == 1
        for wrong in (
            {"side": "LEFT"},
            {"since": "yesterday"},
            {"since": "2023-03-13T10:00:00"},
            {"until": "0"},
            {"since": "1678701600"},
            {"symbol": "btc"},
        ):
            assert alice.get("/v1/trades", **wrong).problem["status"] == 422

    def test_bots_and_their_states(self, alice: Client) -> None:
        names = [
            bot_body(name="btc", initial_capital="1000"),
            bot_body(name="eth", symbol="ETHUSDT", strategy="ema"),
            bot_body(name="far", position_type="futures"),
        ]
        ids = {body["name"]: alice.post("/v1/bot-configs", body).json["id"] for body in names}
        assert alice.post(f"/v1/bot-runner/{ids['btc']}/start").status == 200

        def found(path: str, **query: object) -> set[int]:
            return {item["id"] for item in alice.get(path, **query).json["items"]}

        assert found("/v1/bot-configs", symbol="ETHUSDT") == found("/v1/bot-configs", strategy="ema") == {ids["eth"]}
        assert found("/v1/bot-configs", position_type="futures") == {ids["far"]}
        assert found("/v1/bot-configs", is_active="true") == {ids["btc"]}
        assert found("/v1/bot-states", status="starting") == {ids["btc"]}
        assert found("/v1/bot-states", status="stopped", symbol="ETHUSDT") == {ids["eth"]}

    def test_a_copy_is_stopped_and_has_books_of_its_own(self, alice: Client, backstage: Backstage) -> None:
        original = alice.post("/v1/bot-configs", bot_body(name="x" * 100, custom_ema_fast=None)).json
        backstage.open_position(original["id"])
        copy = alice.post(f"/v1/bot-configs/{original['id']}/clone", {}).json
        assert copy["name"] == "x" * 93 + " (copy)"
        own = {"id", "name", "created_at", "updated_at"}
        assert {k: v for k, v in copy.items() if k not in own} == {k: v for k, v in original.items() if k not in own}
        state = alice.get(f"/v1/bot-states/{copy['id']}").json
        assert (state["status"], state["in_position"]) == ("stopped", False)
        named = alice.post(f"/v1/bot-configs/{original['id']}/clone", {"name": "wider"}).json
        assert named["name"] == "wider"


class TestKeys:
    def test_a_key_is_labelled_replaced_and_checked_again(
        self, alice: Client, valid_key: int, cloud: Cloud, backstage: Backstage
    ) -> None:
        path = f"/v1/api-keys/{valid_key}"
        assert alice.patch(path, {"label": "second"}).json["label"] == "second"
        assert alice.patch(path, {"label": None}).json["label"] is None
        before = backstage.value("SELECT encrypted_data_key FROM api_keys WHERE id = :id", id=valid_key)
        cloud.invocations.clear()
        new = {"api_key": "another-public-half-of-it-k3Zb", "secret_key": "another-half-that-nobody-may-see"}
        replaced = alice.request("PUT", f"{path}/credentials", new)
        assert (replaced.json["key_hint"], replaced.json["is_valid"], replaced.json["checked_at"]) == (
            "k3Zb",
            False,
            None,
        )
        assert before != backstage.value("SELECT encrypted_data_key FROM api_keys WHERE id = :id", id=valid_key)
        assert alice.post(f"{path}/check").status == 202
        check = {"check_key": {"api_key_id": valid_key, "user_id": alice.user["id"]}}
        assert cloud.invocations == [check, check]
        assert [event["action"] for event in alice.get("/v1/audit-events", limit=4).json["items"]] == [
            "api_key.check_requested",
            "api_key.replaced",
            "api_key.updated",
            "api_key.updated",
        ]

    def test_the_key_of_an_active_bot_is_not_replaced(self, alice: Client, valid_key: int) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
        alice.post(f"/v1/bot-runner/{bot_id}/start")
        new = {"api_key": "another-public-half-of-it-k3Zb", "secret_key": "another-half-that-nobody-may-see"}
        assert alice.request("PUT", f"/v1/api-keys/{valid_key}/credentials", new).problem["status"] == 409
        assert alice.get(f"/v1/api-keys/{valid_key}").json["is_valid"] is True


def fail(**_: object) -> None:
    raise EndpointConnectionError(endpoint_url="https://aws.example")


def assert_unavailable(answer: Answer) -> None:
    assert answer.problem["status"] == 503
    assert answer.problem["type"] == "urn:tradebot:problem:cloud-unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert b"aws.example" not in answer.body


class TestACloudThatDoesNotAnswer:
    @pytest.fixture
    def failing(self, anybody: Client) -> Iterator[Callable[[Any, str], None]]:
        assert anybody.token is None  # its function has made the clients
        registered: list[tuple[Any, str]] = []

        def register(client: Any, operation: str) -> None:
            client.meta.events.register(f"before-call.{operation}", fail)
            registered.append((client, operation))

        yield register
        for client, operation in registered:
            client.meta.events.unregister(f"before-call.{operation}", fail)

    def test_a_key_service_that_fails_stores_nothing(self, alice: Client, failing: Callable[[Any, str], None]) -> None:
        failing(kms_client(), "kms.GenerateDataKey")
        assert_unavailable(alice.post("/v1/api-keys", key_body()))
        assert alice.get("/v1/api-keys").json["items"] == []

    def test_a_start_that_could_not_enable_the_rule_is_repeated(
        self, alice: Client, failing: Callable[[Any, str], None], cloud: Cloud
    ) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body(initial_capital="1000")).json["id"]
        failing(events_client(), "eventbridge.EnableRule")
        failing(events_client(), "events.EnableRule")
        assert_unavailable(alice.post(f"/v1/bot-runner/{bot_id}/start"))
        for name in ("eventbridge.EnableRule", "events.EnableRule"):
            events_client().meta.events.unregister(f"before-call.{name}", fail)
        assert alice.post(f"/v1/bot-runner/{bot_id}/start").status == 200
        assert cloud.rule_is_enabled()

    def test_tokens_are_not_refused_for_a_secret_that_cannot_be_read(
        self, alice: Client, failing: Callable[[Any, str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failing(secrets_client(), "secrets-manager.GetSecretValue")
        monkeypatch.setattr(token_authority().keys, "_keys", ())
        assert_unavailable(alice.get("/v1/users/me"))
        keyed = alice.request("POST", "/v1/bot-configs", bot_body(), headers={"idempotency-key": "k"})
        assert_unavailable(keyed)

    def test_mail_that_was_not_asked_for_goes_with_the_next_run(
        self, anybody: Client, failing: Callable[[Any, str], None], mails: Callable[[], list[Any]]
    ) -> None:
        mails()
        failing(lambda_client(), "lambda.Invoke")
        body = {"email": "patient@example.com", "password": PASSWORD}
        assert anybody.post("/v1/auth/register", body).status == 202
        assert [mail.to for mail in mails()] == ["patient@example.com"]


def noting(calls: list[str], method: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method, noting each of its calls."""

    def noted(*arguments: object) -> Any:
        calls.append(method.__name__)
        return method(*arguments)

    return noted


class TestKnownAndUnknownAddresses:
    """What a login and a forgotten password cost is the same whether or not the address has an account."""

    @pytest.fixture
    def statements(self, anybody: Client) -> Iterator[list[str]]:
        assert anybody.token is None  # its function has made the engine
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            sent.append(" ".join(statement.split()))

        event.listen(database_engine(), "before_cursor_execute", note)
        yield sent
        event.remove(database_engine(), "before_cursor_execute", note)

    @pytest.mark.parametrize(
        ("path", "body"),
        [("/v1/auth/login", {"password": "wrong-password"}), ("/v1/auth/forgot-password", {})],
        ids=["login", "forgotten"],
    )
    def test_the_same_statements_and_hashes(
        self,
        request: pytest.FixtureRequest,
        statements: list[str],
        monkeypatch: pytest.MonkeyPatch,
        path: str,
        body: dict[str, str],
    ) -> None:
        anybody, alice = request.getfixturevalue("anybody"), request.getfixturevalue("alice")
        hashed: list[str] = []
        for method in ("is_match", "spend"):
            monkeypatch.setattr(PasswordHasher, method, noting(hashed, getattr(PasswordHasher, method)))
        seen = []
        for email in (alice.user["email"], "nobody@example.com"):
            statements.clear()
            hashed.clear()
            anybody.post(path, {"email": email, **body})
            seen.append((list(statements), len(hashed)))
        assert seen[0] == seen[1]
        assert len(seen[0][0]) >= 4

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/auth/login", {"password": "wrong-password"}),
            ("/v1/auth/forgot-password", {}),
            ("/v1/auth/register", {"password": "nine-candles-after-dusk"}),
        ],
        ids=["login", "forgotten", "registering"],
    )
    def test_they_take_about_as_long(
        self,
        anybody: Client,
        new_user: Callable[[], Client],
        backstage: Backstage,
        path: str,
        body: dict[str, str],
    ) -> None:
        # Computing time, which other tests of this machine do not disturb; what is waited for are statements (above).
        took: dict[str, list[float]] = {"known": [], "unknown": []}
        for number in range(9):
            known = new_user()
            # The stored hash has the policy's cost, as every one has that was made by the API.
            backstage.run(
                "UPDATE users SET hashed_password = :hash WHERE id = :id",
                hash=PasswordHasher().hash(PASSWORD),
                id=known.user["id"],
            )
            emails = {"known": known.user["email"], "unknown": f"nobody{number}.{path.rsplit('/', 1)[1]}@example.com"}
            for name, email in emails.items():
                backstage.run("DELETE FROM throttles")
                began = time.process_time()
                anybody.post(path, {"email": email, **body})
                took[name].append(time.process_time() - began)
        known_seconds, unknown_seconds = (statistics.median(times) for times in took.values())
        assert 0.6 < known_seconds / unknown_seconds < 1.6, took

    def test_registering_hashes_once_and_commits_as_often_for_either(
        self, anybody: Client, alice: Client, statements: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hashed: list[str] = []
        commits: list[object] = []
        monkeypatch.setattr(PasswordHasher, "hash", noting(hashed, PasswordHasher.hash))
        note = commits.append
        event.listen(database_engine(), "commit", note)
        seen = []
        for email in (alice.user["email"], "somebody.new@example.com"):
            for noted in (hashed, commits, statements):
                noted.clear()
            anybody.post("/v1/auth/register", {"email": email, "password": "nine-candles-after-dusk"})
            seen.append((len(hashed), len(commits), len(statements)))
        event.remove(database_engine(), "commit", note)
        (hashes, known_commits, known), (same_hashes, unknown_commits, unknown) = seen
        assert (hashes, same_hashes) == (1, 1)
        assert known_commits == unknown_commits
        assert abs(known - unknown) <= 3, "a row of the log and an id, beside a hash of forty milliseconds"
