"""Accounts and sessions from registration to deletion, and every way in which they must not be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import PASSWORD, bot_body, key_body
from tests.integration.api.gateway import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.conftest import Mail
    from tests.integration.api.gateway import Answer

    Mails = Callable[[], list[Mail]]

OTHER = "nine-candles-after-dusk"


def log_in(client: Client, email: str, password: str = PASSWORD) -> Answer:
    return client.post("/v1/auth/login", {"email": email, "password": password})


def session_of(user: Client, password: str = PASSWORD) -> Any:
    answer = log_in(user, user.user["email"], password)
    assert answer.status == 200, answer.body
    return answer.json


def with_token(client: Client, token: str) -> Client:
    return Client(client.handler, token)


def refresh(client: Client, token: str) -> Answer:
    return client.post("/v1/auth/refresh", {"refresh_token": token})


class TestRegistering:
    def test_nobody_logs_in_before_the_address_is_confirmed(self, anybody: Client, mails: Mails) -> None:
        body = {"email": "early@example.com", "password": PASSWORD}
        assert anybody.post("/v1/auth/register", body).status == 202
        early = log_in(anybody, "early@example.com")
        assert (early.status, early.problem["type"]) == (403, "urn:tradebot:problem:address-not-verified")
        assert log_in(anybody, "early@example.com", "wrong-password").status == 401
        (mail,) = mails()
        assert anybody.post("/v1/auth/verify", {"token": mail.token}).status == 204
        assert log_in(anybody, "early@example.com").status == 200
        assert anybody.post("/v1/auth/verify", {"token": mail.token}).problem["errors"][0]["rule"] == "one_time_token"

    def test_a_taken_address_answers_as_a_free_one_and_its_owner_is_told(
        self, anybody: Client, alice: Client, mails: Mails
    ) -> None:
        mails()
        taken = anybody.post("/v1/auth/register", {"email": alice.user["email"].upper(), "password": OTHER})
        free = anybody.post("/v1/auth/register", {"email": "free@example.com", "password": OTHER})
        assert (taken.status, taken.json) == (free.status, free.json)
        told, invited = mails()
        assert (told.to, told.token) == (alice.user["email"], None)
        assert invited.token is not None
        tried = alice.get("/v1/audit-events").json["items"][0]
        assert (tried["action"], tried["source"]) == ("account.registered_again", anybody.source)
        assert log_in(anybody, alice.user["email"]).status == 200

    def test_of_two_registrations_that_nobody_confirmed_the_newest_counts(self, anybody: Client, mails: Mails) -> None:
        for password in (OTHER, PASSWORD):
            anybody.post("/v1/auth/register", {"email": "twice@example.com", "password": password})
        first, second = mails()
        assert anybody.post("/v1/auth/verify", {"token": first.token}).status == 422
        assert anybody.post("/v1/auth/verify", {"token": second.token}).status == 204
        assert log_in(anybody, "twice@example.com", OTHER).status == 401
        assert log_in(anybody, "twice@example.com").status == 200

    def test_a_token_ends_after_a_day(self, anybody: Client, mails: Mails, backstage: Backstage) -> None:
        anybody.post("/v1/auth/register", {"email": "late@example.com", "password": PASSWORD})
        (mail,) = mails()
        backstage.run("UPDATE users SET verification_token_expires = verification_token_expires - interval '1 day'")
        assert anybody.post("/v1/auth/verify", {"token": mail.token}).status == 422


class TestSessions:
    def test_a_refresh_token_is_good_once_and_gives_the_next(self, alice: Client) -> None:
        first = session_of(alice)
        second = refresh(alice, first["refresh_token"]).json
        assert second["refresh_token"] != first["refresh_token"]
        third = refresh(alice, second["refresh_token"]).json
        assert with_token(alice, third["access_token"]).get("/v1/users/me").status == 200

    def test_a_token_that_comes_twice_ends_its_session_and_no_other(self, alice: Client) -> None:
        stolen, other = session_of(alice), session_of(alice)
        owners = refresh(alice, stolen["refresh_token"]).json
        assert refresh(alice, stolen["refresh_token"]).problem["status"] == 401
        assert refresh(alice, owners["refresh_token"]).problem["status"] == 401
        assert with_token(alice, owners["access_token"]).get("/v1/users/me").status == 401
        renewed = refresh(alice, other["refresh_token"])
        assert with_token(alice, renewed.json["access_token"]).get("/v1/users/me").status == 200

    @pytest.mark.parametrize(
        "past", ["expires_at = now() - interval '1 second'", "revoked_at = now()"], ids=["idle", "revoked"]
    )
    def test_an_ended_session_is_not_renewed(self, alice: Client, backstage: Backstage, past: str) -> None:
        session = session_of(alice)
        backstage.run(f"UPDATE refresh_tokens SET {past} WHERE user_id = :id", id=alice.user["id"])
        assert refresh(alice, session["refresh_token"]).problem["status"] == 401

    def test_a_session_idles_seven_days_and_lasts_thirty(self, alice: Client, backstage: Backstage) -> None:
        session = session_of(alice)
        ends = (
            "SELECT extract(epoch FROM {} - created_at) / 86400 FROM refresh_tokens"
            " WHERE user_id = :id ORDER BY id DESC"
        )
        assert [
            backstage.value(ends.format(one), id=alice.user["id"]) for one in ("expires_at", "family_expires_at")
        ] == [
            7,
            30,
        ]
        backstage.run(
            "UPDATE refresh_tokens SET family_expires_at = now() + interval '2 days',"
            " expires_at = now() + interval '1 day' WHERE user_id = :id",
            id=alice.user["id"],
        )
        assert refresh(alice, session["refresh_token"]).status == 200
        assert round(backstage.value(ends.format("expires_at"), id=alice.user["id"]), 2) == 2

    def test_logging_out_ends_one_session_at_once_and_twice_is_no_error(self, alice: Client) -> None:
        mine, other = session_of(alice), session_of(alice)
        for _ in range(2):
            assert alice.post("/v1/auth/logout", {"refresh_token": mine["refresh_token"]}).status == 204
        assert with_token(alice, mine["access_token"]).get("/v1/users/me").status == 401
        assert refresh(alice, mine["refresh_token"]).status == 401
        assert refresh(alice, other["refresh_token"]).status == 200

    def test_logging_out_everywhere_ends_them_all(self, alice: Client) -> None:
        sessions = [session_of(alice) for _ in range(3)]
        assert with_token(alice, sessions[0]["access_token"]).post("/v1/auth/logout-everywhere").status == 204
        for session in sessions:
            assert with_token(alice, session["access_token"]).get("/v1/users/me").status == 401
            assert refresh(alice, session["refresh_token"]).status == 401

    @pytest.mark.parametrize("token", ["x" * 43, "x" * 20, "é" * 43, "\u0000" * 43, "x" * 128])
    def test_an_unknown_token_is_refused(self, anybody: Client, token: str) -> None:
        assert refresh(anybody, token).problem["status"] == 401
        assert anybody.post("/v1/auth/logout", {"refresh_token": token}).status == 204
        assert anybody.post("/v1/auth/verify", {"token": token}).problem["status"] == 422
        body = {"token": token, "password": OTHER}
        assert anybody.post("/v1/auth/reset-password", body).problem["status"] == 422

    def test_a_token_of_one_kind_is_none_of_another(self, anybody: Client, alice: Client, mails: Mails) -> None:
        mails()
        session = session_of(alice)
        anybody.post("/v1/auth/forgot-password", {"email": alice.user["email"]})
        (mail,) = mails()
        assert mail.token is not None
        assert refresh(anybody, mail.token).status == 401
        assert anybody.post("/v1/auth/verify", {"token": mail.token}).status == 422
        assert anybody.post("/v1/auth/verify", {"token": session["refresh_token"]}).status == 422
        body = {"token": session["refresh_token"], "password": OTHER}
        assert anybody.post("/v1/auth/reset-password", body).status == 422

    def test_a_login_raises_an_outdated_hash(self, alice: Client, backstage: Backstage) -> None:
        session_of(alice)
        stored = backstage.value("SELECT hashed_password FROM users WHERE id = :id", id=alice.user["id"])
        assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        session_of(alice)
        assert stored == backstage.value("SELECT hashed_password FROM users WHERE id = :id", id=alice.user["id"])


class TestForgottenPasswords:
    def test_a_mailed_token_sets_a_password_once_and_ends_every_session(
        self, anybody: Client, alice: Client, mails: Mails, backstage: Backstage
    ) -> None:
        mails()
        session = session_of(alice)
        assert anybody.post("/v1/auth/forgot-password", {"email": alice.user["email"].upper()}).status == 202
        (mail,) = mails()
        stored = backstage.value("SELECT reset_token FROM users WHERE id = :id", id=alice.user["id"])
        assert mail.token is not None
        assert mail.token not in stored
        body = {"token": mail.token, "password": OTHER}
        assert anybody.post("/v1/auth/reset-password", body).status == 204
        assert anybody.post("/v1/auth/reset-password", body).status == 422
        assert refresh(alice, session["refresh_token"]).status == 401
        assert alice.get("/v1/users/me").status == 401
        assert log_in(alice, alice.user["email"]).status == 401
        assert log_in(alice, alice.user["email"], OTHER).status == 200
        assert [told.subject for told in mails()] == ["Your password was changed"]

    def test_the_newest_token_wins_and_ends_after_ten_minutes(
        self, anybody: Client, alice: Client, mails: Mails, backstage: Backstage
    ) -> None:
        mails()
        for _ in range(2):
            anybody.post("/v1/auth/forgot-password", {"email": alice.user["email"]})
        older, newer = mails()
        assert anybody.post("/v1/auth/reset-password", {"token": older.token, "password": OTHER}).status == 422
        left = "SELECT extract(epoch FROM reset_token_expires - now()) FROM users WHERE id = :id"
        assert 590 < backstage.value(left, id=alice.user["id"]) <= 600
        backstage.run("UPDATE users SET reset_token_expires = now() WHERE id = :id", id=alice.user["id"])
        assert anybody.post("/v1/auth/reset-password", {"token": newer.token, "password": OTHER}).status == 422

    def test_an_unknown_address_gets_the_same_answer_and_no_mail(
        self, anybody: Client, alice: Client, mails: Mails, cloud: Cloud
    ) -> None:
        mails()
        known = anybody.post("/v1/auth/forgot-password", {"email": alice.user["email"]})
        unknown = anybody.post("/v1/auth/forgot-password", {"email": "nobody@example.com"})
        assert (known.status, known.json) == (unknown.status, unknown.json)
        assert cloud.mail_requests == [{"send_mail": True}] * 2
        assert [mail.to for mail in mails()] == [alice.user["email"]]


class TestChangingTheAccount:
    def test_the_password_changes_for_who_knows_it_and_every_session_ends(self, alice: Client, mails: Mails) -> None:
        mails()
        session = session_of(alice)
        wrong = alice.post("/v1/users/me/password", {"password": OTHER, "new_password": OTHER})
        assert wrong.problem["errors"][0]["rule"] == "password"
        common = alice.post("/v1/users/me/password", {"password": PASSWORD, "new_password": "password123"})
        assert common.problem["errors"][0] == {
            "field": "new_password",
            "rule": "password_common",
            "message": "This password is among the commonest and would be guessed first; choose another.",
        }
        assert alice.post("/v1/users/me/password", {"password": PASSWORD, "new_password": OTHER}).status == 204
        assert alice.get("/v1/users/me").status == 401
        assert refresh(alice, session["refresh_token"]).status == 401
        assert log_in(alice, alice.user["email"], OTHER).status == 200
        assert [mail.subject for mail in mails()] == ["Your password was changed"]

    def test_the_address_changes_when_the_new_one_is_confirmed_and_the_old_one_is_told(
        self, alice: Client, mails: Mails
    ) -> None:
        mails()
        old, new = alice.user["email"], f"new.{alice.user['email']}"
        body = {"password": PASSWORD, "new_email": new.upper()}
        assert alice.post("/v1/users/me/email", {**body, "password": "wrong"}).status == 422
        assert alice.post("/v1/users/me/email", body).status == 202
        assert alice.get("/v1/users/me").json["new_email"] == new
        (mail,) = mails()
        assert mail.to == new
        assert log_in(alice, new).status == 401
        assert alice.post("/v1/auth/verify", {"token": mail.token}).status == 204
        assert alice.get("/v1/users/me").status == 401
        assert log_in(alice, old).status == 401
        assert log_in(alice, new).status == 200
        assert [(told.to, told.subject) for told in mails()] == [(old, "Your address was changed")]

    def test_an_address_is_not_taken_from_its_owner(self, alice: Client, bob: Client, mails: Mails) -> None:
        mails()
        body = {"password": PASSWORD, "new_email": bob.user["email"]}
        assert alice.post("/v1/users/me/email", body).status == 202
        (mail,) = mails()
        assert alice.post("/v1/auth/verify", {"token": mail.token}).problem["status"] == 409
        assert log_in(bob, bob.user["email"]).status == 200

    def test_the_profile_changes_as_asked(self, alice: Client) -> None:
        assert alice.patch("/v1/users/me", {"display_name": "Desk 3"}).json["display_name"] == "Desk 3"
        assert alice.patch("/v1/users/me", {}).json["display_name"] == "Desk 3"
        assert alice.patch("/v1/users/me", {"display_name": None}).json["display_name"] is None
        assert alice.patch("/v1/users/me", {"email": "x@example.com"}).problem["status"] == 422


class TestDeletingTheAccount:
    def test_it_goes_with_everything_that_it_owns(self, alice: Client, valid_key: int, backstage: Backstage) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
        alice.post("/v1/api-keys", key_body())
        assert bot_id
        assert alice.post("/v1/users/me/deletion", {"password": "wrong"}).status == 422
        assert alice.post("/v1/users/me/deletion", {"password": PASSWORD}).status == 204
        assert alice.get("/v1/users/me").status == 401
        assert log_in(alice, alice.user["email"]).status == 401
        for table in ("api_keys", "bot_configs", "bot_states", "refresh_tokens", "audit_events", "outbox"):
            assert backstage.value(f"SELECT count(*) FROM {table} WHERE user_id = :id", id=alice.user["id"]) == 0

    def test_bots_that_trade_have_to_be_chosen_about(self, alice: Client, valid_key: int, backstage: Backstage) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
        assert alice.post(f"/v1/bot-runner/{bot_id}/start").status == 200
        refused = alice.post("/v1/users/me/deletion", {"password": PASSWORD}).problem
        assert refused["status"] == 409
        assert f"{bot_id} (trend)" in refused["detail"]
        alice.post(f"/v1/bot-runner/{bot_id}/stop")
        backstage.open_position(bot_id)
        assert alice.post("/v1/users/me/deletion", {"password": PASSWORD}).status == 409
        backstage.hold_lease(bot_id)
        keep = {"password": PASSWORD, "position": "keep"}
        assert "tick" in alice.post("/v1/users/me/deletion", keep).problem["detail"]
        backstage.hold_lease(bot_id, -1)
        assert alice.post("/v1/users/me/deletion", keep).status == 204
        assert backstage.value("SELECT count(*) FROM bot_configs WHERE id = :id", id=bot_id) == 0

    def test_positions_are_closed_first_where_that_is_chosen(
        self, alice: Client, valid_key: int, backstage: Backstage
    ) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
        alice.post(f"/v1/bot-runner/{bot_id}/start")
        backstage.open_position(bot_id)
        close = {"password": PASSWORD, "position": "close"}
        problem = alice.post("/v1/users/me/deletion", close).problem
        assert (problem["status"], "being closed" in problem["detail"]) == (409, True)
        state = alice.get(f"/v1/bot-states/{bot_id}").json
        assert (state["is_active"], state["close_requested_at"] is not None) == (False, True)
        backstage.run(
            "UPDATE bot_states SET in_position = false, close_requested_at = null, status = 'stopped' WHERE id = :id",
            id=bot_id,
        )
        assert alice.post("/v1/users/me/deletion", close).status == 204


class TestTheAuditLog:
    def test_it_says_who_did_what_to_which_object_from_where(self, alice: Client, valid_key: int) -> None:
        bot_id = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
        alice.patch(f"/v1/bot-configs/{bot_id}", {"stop_loss_perc": "1.2500", "name": "tighter"})
        alice.post(f"/v1/bot-runner/{bot_id}/start")
        alice.post(f"/v1/bot-runner/{bot_id}/start")
        alice.post(f"/v1/bot-runner/{bot_id}/stop")
        alice.delete(f"/v1/bot-configs/{bot_id}")
        log_in(alice, alice.user["email"], "wrong-password")
        session_of(alice)
        events = alice.get("/v1/audit-events").json["items"]
        assert [(event["action"], event["object_type"], event["object_id"]) for event in events] == [
            ("session.opened", None, None),
            ("session.refused", None, None),
            ("bot.deleted", "bot", bot_id),
            ("bot.stopped", "bot", bot_id),
            ("bot.started", "bot", bot_id),
            ("bot.updated", "bot", bot_id),
            ("bot.created", "bot", bot_id),
            ("api_key.created", "api_key", valid_key),
        ]
        assert {event["source"] for event in events} == {alice.source}
        assert events[5]["details"] == {
            "before": {"name": "trend", "stop_loss_perc": "1.5"},
            "after": {"name": "tighter", "stop_loss_perc": "1.25"},
        }
        assert events[7]["details"] == {"after": {"environment": "testnet", "key_hint": "x7Qa", "label": "demo"}}

    def test_it_is_read_by_page_by_word_and_by_time(self, alice: Client) -> None:
        for number in range(5):
            alice.post("/v1/bot-configs", bot_body(name=str(number)))
        alice.patch("/v1/users/me", {"display_name": "Desk 3"})
        page = alice.get("/v1/audit-events", limit=4).json
        assert len(page["items"]) == 4
        rest = alice.get("/v1/audit-events", limit=4, cursor=page["next_cursor"]).json
        assert [len(rest["items"]), rest["next_cursor"]] == [2, None]
        assert len(alice.get("/v1/audit-events", action="bot.created").json["items"]) == 5
        at = page["items"][0]["created_at"]
        assert len(alice.get("/v1/audit-events", since=at).json["items"]) == 1
        assert len(alice.get("/v1/audit-events", until=at).json["items"]) == 5

    def test_a_header_does_not_say_where_from(self, alice: Client) -> None:
        alice.request("PATCH", "/v1/users/me", {"display_name": "x"}, headers={"x-forwarded-for": "203.0.113.9"})
        assert alice.get("/v1/audit-events").json["items"][0]["source"] == alice.source
