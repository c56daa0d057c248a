"""What many send at the same moment: one reset, one refresh, one effect, and no more hashes than are allowed."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.integration.api.bodies import PASSWORD, bot_body
from tests.integration.api.fleet import Fleet, Hashes
from tests.integration.api.gateway import Client
from tradebot.errors import ThrottledError
from tradebot.repositories.database_errors import translated_session
from tradebot.services.throttle import MOST, WINDOW, Throttle, ThrottleLimits, network_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures.database import TestDatabase
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.conftest import Mail

SIZE = 25


@pytest.fixture(scope="module")
def _made(api_database: TestDatabase, _function: object) -> Iterator[tuple[Fleet, Hashes]]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        hashes = Hashes(monkeypatch)
        fleet = Fleet(api_database, monkeypatch, SIZE)
    yield fleet, hashes
    fleet.dispose()


@pytest.fixture
def fleet(_made: tuple[Fleet, Hashes], handler: object) -> Fleet:
    """Instances of the function."""
    return _made[0]


@pytest.fixture
def hashes(_made: tuple[Fleet, Hashes]) -> Hashes:
    """What the fleet hashes from here on."""
    _made[1].count = 0
    return _made[1]


def statuses(answers: list[object]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)  # type: ignore[attr-defined]  # httpx's


def test_of_a_hundred_resets_with_one_token_one_counts(
    fleet: Fleet, anybody: Client, alice: Client, mails: Callable[[], list[Mail]]
) -> None:
    mails()
    anybody.post("/v1/auth/forgot-password", {"email": alice.user["email"]})
    (mail,) = mails()
    passwords = [f"the {number:03d}th that was sent" for number in range(100)]
    answers = fleet.post(
        "/v1/auth/reset-password", [{"token": mail.token, "password": password} for password in passwords]
    )
    assert statuses([*answers]) == {204: 1, 422: 99}
    (winner,) = [password for password, answer in zip(passwords, answers, strict=True) if answer.status_code == 204]
    assert anybody.post("/v1/auth/login", {"email": alice.user["email"], "password": winner}).status == 200


def test_of_fifty_refreshes_with_one_token_one_counts_and_the_session_has_ended(fleet: Fleet, alice: Client) -> None:
    session = alice.post("/v1/auth/login", {"email": alice.user["email"], "password": PASSWORD}).json
    answers = fleet.post("/v1/auth/refresh", [{"refresh_token": session["refresh_token"]}] * 50)
    assert statuses([*answers]) == {200: 1, 401: 49}
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert alice.post("/v1/auth/refresh", {"refresh_token": winner["refresh_token"]}).status == 401


def test_of_two_hundred_wrong_logins_of_one_address_ten_are_hashed(fleet: Fleet, alice: Client, hashes: Hashes) -> None:
    body = {"email": alice.user["email"], "password": "wrong-password"}
    answers = fleet.post("/v1/auth/login", [body] * 200)
    assert statuses([*answers]) == {401: 10, 429: 190}
    assert hashes.count == 10
    waits = {int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 429}
    assert all(1 <= wait <= 300 for wait in waits)
    right = alice.post("/v1/auth/login", {"email": alice.user["email"].upper(), "password": PASSWORD})
    assert right.problem["type"] == "urn:tradebot:problem:too-many-requests"


def test_of_two_hundred_wrong_logins_from_one_network_ten_are_hashed(fleet: Fleet, hashes: Hashes) -> None:
    bodies = [{"email": f"guess{number}@example.com", "password": "wrong-password"} for number in range(200)]
    sources = [f"2001:db8:ffff:1::{number:x}" for number in range(200)]
    answers = fleet.post("/v1/auth/login", bodies, sources=sources)
    assert statuses([*answers]) == {401: 10, 429: 190}
    assert hashes.count == 10


def test_the_limits_are_the_designs() -> None:
    assert (ThrottleLimits(), WINDOW) == (ThrottleLimits(most=10, most_overall=1_000), timedelta(minutes=5))


def test_tries_begin_anew_when_their_five_minutes_are_over(alice: Client, backstage: Backstage) -> None:
    body = {"email": alice.user["email"], "password": "wrong-password"}
    assert [alice.post("/v1/auth/login", body).status for _ in range(MOST + 1)] == [401] * MOST + [429]
    backstage.run("UPDATE throttles SET began_at = began_at - interval '5 minutes'")
    assert alice.post("/v1/auth/login", body).status == 401


def test_over_all_there_is_an_end_too_and_one_who_is_stopped_takes_nothing_from_others(
    fleet: Fleet, backstage: Backstage
) -> None:
    backstage.run("DELETE FROM throttles")
    throttle = Throttle(partial(translated_session, fleet.engines[0]), ThrottleLimits(most=2, most_overall=5))
    for number in range(4):
        for _ in range(2):
            attempt(throttle, f"{number}@example.com", f"10.9.0.{number}")
    outcomes = [attempt(throttle, "0@example.com", "10.9.0.0") for _ in range(50)]
    assert not any(outcomes)
    assert backstage.value("SELECT max(hits) FROM throttles WHERE hits > 5") == 52  # the address and the source
    assert not attempt(throttle, "new@example.com", "10.9.1.1")


def attempt(throttle: Throttle, address: str, source: str) -> bool:
    try:
        throttle.require("password", address=address, source=source)
    except ThrottledError:
        return False
    return True


@pytest.mark.parametrize(
    ("source", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        (None, "unknown"),
        ("198.51.100.7, 10.0.0.1", "unknown"),
    ],
)
def test_a_source_is_an_address_or_the_network_that_one_customer_has(source: str | None, network: str) -> None:
    assert network_of(source) == network


class TestIdempotency:
    def test_fifty_of_one_key_have_one_effect_and_fifty_equal_answers(self, fleet: Fleet, alice: Client) -> None:
        headers = {"authorization": f"Bearer {alice.token}", "idempotency-key": "one-bot"}
        answers = fleet.post("/v1/bot-configs", [bot_body()] * 50, headers=headers)
        assert statuses([*answers]) == {201: 50}
        assert len({answer.content for answer in answers}) == 1
        assert len({answer.headers["content-type"] for answer in answers}) == 1
        assert sum("idempotent-replayed" in answer.headers for answer in answers) == 49
        assert len(alice.get("/v1/bot-configs").json["items"]) == 1

    def test_a_key_is_of_one_request_and_of_one_user(self, alice: Client, bob: Client) -> None:
        key = {"idempotency-key": "k"}
        made = alice.request("POST", "/v1/bot-configs", bot_body(), headers=key)
        other = alice.request("POST", "/v1/bot-configs", bot_body(name="another"), headers=key)
        assert other.problem["type"] == "urn:tradebot:problem:idempotency-key-reused"
        assert other.status == 422
        elsewhere = alice.request("POST", f"/v1/bot-configs/{made.json['id']}/clone", bot_body(), headers=key)
        assert elsewhere.status == 422
        assert bob.request("POST", "/v1/bot-configs", bot_body(), headers=key).json["id"] != made.json["id"]

    def test_what_was_refused_may_be_asked_again(self, alice: Client) -> None:
        key = {"idempotency-key": "k"}
        body = bot_body(initial_capital=None)
        bot_id = alice.post("/v1/bot-configs", body).json["id"]
        path = f"/v1/bot-runner/{bot_id}/start"
        assert alice.request("POST", path, headers=key).status == 422
        alice.patch(f"/v1/bot-configs/{bot_id}", {"initial_capital": "1000"})
        started = alice.request("POST", path, headers=key)
        assert started.status == 200
        alice.post(f"/v1/bot-runner/{bot_id}/stop")
        again = alice.request("POST", path, headers=key)
        assert (again.status, again.body) == (200, started.body)
        assert alice.get(f"/v1/bot-states/{bot_id}").json["status"] == "stopped"

    def test_a_key_is_kept_for_a_day(self, alice: Client, backstage: Backstage) -> None:
        key = {"idempotency-key": "k"}
        alice.request("POST", "/v1/bot-configs", bot_body(), headers=key)
        backstage.run("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'")
        assert alice.request("POST", "/v1/bot-configs", bot_body(name="next day"), headers=key).status == 201

    def test_one_that_is_under_way_is_waited_for_and_one_that_died_is_not_run_again(
        self, alice: Client, backstage: Backstage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tradebot_api.idempotent.WAIT_SECONDS", 0.1)
        key = {"idempotency-key": "k"}
        alice.request("POST", "/v1/bot-configs", bot_body(), headers=key)
        backstage.run("UPDATE idempotency_keys SET status = NULL, created_at = now()")
        waiting = alice.request("POST", "/v1/bot-configs", bot_body(), headers=key)
        assert waiting.problem["type"] == "urn:tradebot:problem:request-under-way"
        assert waiting.headers["retry-after"] == "1"
        backstage.run("UPDATE idempotency_keys SET created_at = now() - interval '2 minutes'")
        died = alice.request("POST", "/v1/bot-configs", bot_body(), headers=key)
        assert died.problem["type"] == "urn:tradebot:problem:outcome-unknown"
        assert len(alice.get("/v1/bot-configs").json["items"]) == 1

    @pytest.mark.parametrize("key", ["", "x" * 256, "two words", "caf\xe9"])
    def test_a_key_has_a_shape(self, alice: Client, key: str) -> None:
        answer = alice.request("POST", "/v1/bot-configs", bot_body(), headers={"idempotency-key": key})
        assert answer.problem["errors"][0]["field"] == "header.idempotency-key"

    def test_without_a_good_token_it_changes_nothing(self, anybody: Client) -> None:
        answer = anybody.request("POST", "/v1/bot-configs", bot_body(), headers={"idempotency-key": "k"})
        assert answer.problem["status"] == 401
        stale = Client(anybody.handler, "x.y.z")
        assert stale.request("POST", "/v1/bot-configs", bot_body(), headers={"idempotency-key": "k"}).status == 401

    def test_a_crash_gives_the_key_back(self, alice: Client, monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
        key = {"idempotency-key": "k"}
        with monkeypatch.context() as broken:
            broken.setattr("tradebot.repositories.bot_states.insert_bot_state", lambda *_: 1 / 0)
            assert alice.request("POST", "/v1/bot-configs", bot_body(), headers=key).status == 500
        assert alice.request("POST", "/v1/bot-configs", bot_body(), headers=key).status == 201
        assert cloud.invocations == []
