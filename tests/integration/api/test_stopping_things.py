"""Kill switches, stops that close, emergency closes: what changes in the rows, what is asked of bot_runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import bot_body
from tradebot.bootstrap.aws_clients import lambda_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Client

AT_ONCE = "1970-01-01T00:00:00Z"


@pytest.fixture
def bot(alice: Client, valid_key: int, cloud: Cloud) -> int:
    """A running bot."""
    bot_id: int = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
    assert alice.post(f"/v1/bot-runner/{bot_id}/start").status == 200
    cloud.disable_rule()
    cloud.invocations.clear()
    return bot_id


def put(client: Client, path: str, body: dict[str, Any] | None = None) -> Any:
    return client.request("PUT", path, {} if body is None else body)


def closing_event(client: Client, bot_id: int) -> dict[str, Any]:
    return {"close_position": {"bot_config_id": bot_id, "user_id": client.user["id"]}}


class TestTheSwitchOfABot:
    """PUT and DELETE /v1/bots/{id}/kill-switch."""

    def test_it_shows_in_the_state_with_reason_and_words(self, alice: Client, bot: int, cloud: Cloud) -> None:
        answer = put(alice, f"/v1/bots/{bot}/kill-switch", {"reason": "odd fills"})
        assert answer.status == 200
        for state in (
            answer.json,
            alice.get(f"/v1/bot-states/{bot}").json,
            alice.get("/v1/bot-states").json["items"][0],
        ):
            switch = state["kill_switch"]
            assert (switch["scope"], switch["reason"]) == ("bot", "odd fills")
            assert "odd fills" in switch["message"]
            assert "Stops and exits go on" in switch["message"]
            assert state["is_active"] is True, "it goes on to watch its position"
        assert cloud.invocations == []

    def test_set_again_it_is_on_since_when_it_was(self, alice: Client, bot: int) -> None:
        first = put(alice, f"/v1/bots/{bot}/kill-switch").json["kill_switch"]
        again = put(alice, f"/v1/bots/{bot}/kill-switch", {"reason": "still"}).json["kill_switch"]
        assert (again["at"], again["reason"]) == (first["at"], "still")

    def test_taken_back_it_leaves_no_trace_and_can_be_taken_back_again(self, alice: Client, bot: int) -> None:
        put(alice, f"/v1/bots/{bot}/kill-switch", {"reason": "odd fills"})
        for _ in range(2):
            answer = alice.delete(f"/v1/bots/{bot}/kill-switch")
            assert (answer.status, answer.json["kill_switch"]) == (200, None)

    def test_it_does_not_disturb_the_tick_that_runs(self, alice: Client, bot: int, backstage: Backstage) -> None:
        version = "SELECT version FROM bot_states WHERE id = :id"
        before = backstage.value(version, id=bot)
        put(alice, f"/v1/bots/{bot}/kill-switch")
        assert backstage.value(version, id=bot) == before

    def test_a_killed_bot_is_not_started(self, alice: Client, bot: int) -> None:
        alice.post(f"/v1/bot-runner/{bot}/stop")
        put(alice, f"/v1/bots/{bot}/kill-switch")
        problem = alice.post(f"/v1/bot-runner/{bot}/start").problem
        assert (problem["status"], "kill switch" in problem["detail"]) == (409, True)
        alice.delete(f"/v1/bots/{bot}/kill-switch")
        assert alice.post(f"/v1/bot-runner/{bot}/start").status == 200

    def test_with_close_it_also_flattens(self, alice: Client, bot: int, backstage: Backstage, cloud: Cloud) -> None:
        backstage.open_position(bot)
        state = put(alice, f"/v1/bots/{bot}/kill-switch", {"position": "close"}).json
        assert (state["status"], state["is_active"], state["next_run_at"]) == ("stopping", False, AT_ONCE)
        assert state["close_requested_at"] is not None
        assert "being closed" in state["notice"]
        assert cloud.invocations == [closing_event(alice, bot)]

    @pytest.mark.parametrize(
        "body", [{"reason": ""}, {"reason": "x" * 201}, {"reason": "a\nb"}, {"position": "sell"}, {"on": True}], ids=str
    )
    def test_what_it_does_not_know_is_refused(self, alice: Client, bot: int, body: dict[str, Any]) -> None:
        assert put(alice, f"/v1/bots/{bot}/kill-switch", body).problem["status"] == 422
        assert alice.get(f"/v1/bot-states/{bot}").json["kill_switch"] is None


class TestTheSwitchOfAUser:
    """PUT, GET and DELETE /v1/users/me/kill-switch."""

    def test_it_holds_for_all_of_ones_bots_and_for_nobody_elses(self, alice: Client, bob: Client, bot: int) -> None:
        others = bob.post("/v1/bot-configs", bot_body()).json["id"]
        answer = put(alice, "/v1/users/me/kill-switch", {"reason": "holiday"})
        assert (answer.json["is_on"], answer.json["reason"], answer.json["closing_bot_ids"]) == (True, "holiday", [])
        assert alice.get("/v1/users/me/kill-switch").json == answer.json
        assert alice.get(f"/v1/bot-states/{bot}").json["kill_switch"]["scope"] == "user"
        assert bob.get(f"/v1/bot-states/{others}").json["kill_switch"] is None
        assert bob.get("/v1/users/me/kill-switch").json["is_on"] is False
        assert alice.delete("/v1/users/me/kill-switch").status == 204
        assert alice.get(f"/v1/bot-states/{bot}").json["kill_switch"] is None

    @pytest.mark.usefixtures("platform_switch")
    def test_the_widest_switch_is_the_one_that_is_told(self, alice: Client, bot: int) -> None:
        put(alice, f"/v1/bots/{bot}/kill-switch")
        put(alice, "/v1/users/me/kill-switch")
        assert alice.get(f"/v1/bot-states/{bot}").json["kill_switch"]["scope"] == "everything"

    def test_with_close_it_flattens_whatever_holds_a_position(
        self, alice: Client, bot: int, backstage: Backstage, cloud: Cloud
    ) -> None:
        flat = alice.post("/v1/bot-configs", bot_body(name="flat")).json["id"]
        backstage.open_position(bot)
        answer = put(alice, "/v1/users/me/kill-switch", {"position": "close"})
        assert answer.json["closing_bot_ids"] == [bot]
        assert cloud.invocations == [closing_event(alice, bot)]
        assert alice.get(f"/v1/bot-states/{flat}").json["status"] == "stopped"


@pytest.fixture
def platform_switch(bot: int, backstage: Backstage) -> Iterator[None]:
    """The operator's switch, set after the bot was started."""
    backstage.run(
        "UPDATE platform_switches SET kill_switch_at = now(), kill_switch_by = 'op', kill_switch_reason = 'x'"
    )
    yield
    backstage.run(
        "UPDATE platform_switches SET kill_switch_at = null, kill_switch_by = null, kill_switch_reason = null"
    )


def test_while_everything_is_stopped_no_bot_starts(alice: Client, bot: int, platform_switch: None) -> None:
    alice.post(f"/v1/bot-runner/{bot}/stop")
    assert "the whole platform" in alice.post(f"/v1/bot-runner/{bot}/start").problem["detail"]


class TestAStop:
    """POST /v1/bot-runner/{id}/stop with the choice."""

    @pytest.mark.parametrize("body", [None, {}, {"position": "keep"}], ids=str)
    def test_keeps_the_position_unless_asked(
        self, alice: Client, bot: int, backstage: Backstage, cloud: Cloud, body: dict[str, str] | None
    ) -> None:
        backstage.open_position(bot)
        state = alice.post(f"/v1/bot-runner/{bot}/stop", body).json
        # Due, so that what rests beside the position is looked after.
        assert (state["status"], state["next_run_at"], state["close_requested_at"]) == ("stopped", AT_ONCE, None)
        assert "position stays" in state["notice"]
        assert cloud.invocations == []

    def test_closes_it_where_asked_and_the_rule_sees_to_it(
        self, alice: Client, bot: int, backstage: Backstage, cloud: Cloud
    ) -> None:
        backstage.open_position(bot)
        state = alice.post(f"/v1/bot-runner/{bot}/stop", {"position": "close"}).json
        assert (state["status"], state["is_active"], state["next_run_at"]) == ("stopping", False, AT_ONCE)
        assert cloud.invocations == [closing_event(alice, bot)]
        assert cloud.rule_is_enabled()

    def test_that_closes_a_flat_bot_only_stops_it(self, alice: Client, bot: int, cloud: Cloud) -> None:
        state = alice.post(f"/v1/bot-runner/{bot}/stop", {"position": "close"}).json
        assert (state["status"], state["close_requested_at"], state["notice"]) == ("stopped", None, None)
        assert cloud.invocations == []

    def test_a_stop_that_keeps_takes_back_one_that_closes(self, alice: Client, bot: int, backstage: Backstage) -> None:
        backstage.open_position(bot)
        alice.post(f"/v1/bot-runner/{bot}/stop", {"position": "close"})
        state = alice.post(f"/v1/bot-runner/{bot}/stop").json
        assert (state["status"], state["close_requested_at"]) == ("stopped", None)

    def test_a_tick_that_runs_may_be_entering_so_another_one_follows_it(
        self, alice: Client, bot: int, backstage: Backstage
    ) -> None:
        backstage.hold_lease(bot)
        state = alice.post(f"/v1/bot-runner/{bot}/stop", {"position": "close"}).json
        assert (state["status"], state["next_run_at"]) == ("stopping", AT_ONCE)
        assert state["close_requested_at"] is not None

    def test_what_is_in_doubt_is_settled_by_one_more_tick(self, alice: Client, bot: int, backstage: Backstage) -> None:
        add_order(backstage, alice, bot, "UNKNOWN")
        state = alice.post(f"/v1/bot-runner/{bot}/stop").json
        assert (state["status"], state["next_run_at"], state["close_requested_at"]) == ("stopping", AT_ONCE, None)

    def test_a_start_forgets_the_wish_to_close(self, alice: Client, bot: int, backstage: Backstage) -> None:
        backstage.open_position(bot)
        alice.post(f"/v1/bot-runner/{bot}/stop", {"position": "close"})
        assert alice.post(f"/v1/bot-runner/{bot}/start").json["close_requested_at"] is None


class TestAnEmergencyClose:
    """POST /v1/bots/{id}/emergency-close and /v1/users/me/emergency-close."""

    @pytest.mark.parametrize("status", ["stopped", "error", "paused_daily_loss", "running"])
    def test_works_in_any_state(self, alice: Client, bot: int, backstage: Backstage, cloud: Cloud, status: str) -> None:
        if status in {"stopped", "error"}:
            alice.post(f"/v1/bot-runner/{bot}/stop")
        backstage.open_position(bot)
        backstage.run("UPDATE bot_states SET status = :status WHERE id = :id", status=status, id=bot)
        answer = alice.post(f"/v1/bots/{bot}/emergency-close")
        assert (answer.status, answer.json["status"], answer.json["is_active"]) == (202, "stopping", False)
        assert cloud.invocations == [closing_event(alice, bot)]
        assert cloud.rule_is_enabled()

    def test_of_all_bots_takes_every_one_that_has_something_to_close(
        self, alice: Client, bob: Client, bot: int, backstage: Backstage, cloud: Cloud
    ) -> None:
        bots = {
            name: alice.post("/v1/bot-configs", bot_body(name=name)).json["id"] for name in ("held", "flat", "order")
        }
        others = bob.post("/v1/bot-configs", bot_body()).json["id"]
        for held in (bot, bots["held"], others):
            backstage.open_position(held)
        add_order(backstage, alice, bots["order"], "NEW")
        answer = alice.post("/v1/users/me/emergency-close")
        assert answer.status == 202
        assert answer.json["closing_bot_ids"] == [bot, bots["held"], bots["order"]]
        assert cloud.invocations == [closing_event(alice, one) for one in answer.json["closing_bot_ids"]]
        assert alice.get(f"/v1/bot-states/{bots['flat']}").json["status"] == "stopped"
        assert bob.get(f"/v1/bot-states/{others}").json["close_requested_at"] is None

    def test_that_cannot_reach_bot_runner_is_left_to_the_schedule(
        self, alice: Client, bot: int, backstage: Backstage, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        backstage.open_position(bot)

        def unavailable(**_: object) -> None:
            raise ConnectionError("no Lambda")

        monkeypatch.setattr(lambda_client(), "invoke", unavailable)
        assert alice.post(f"/v1/bots/{bot}/emergency-close").status == 202
        assert alice.get(f"/v1/bot-states/{bot}").json["next_run_at"] == AT_ONCE
        assert cloud.rule_is_enabled()


class TestADelete:
    """DELETE /v1/bot-configs/{id} of a bot that holds a position."""

    @pytest.fixture
    def holder(self, alice: Client, bot: int, backstage: Backstage) -> int:
        alice.post(f"/v1/bot-runner/{bot}/stop")
        backstage.open_position(bot)
        return bot

    def test_demands_the_choice(self, alice: Client, holder: int) -> None:
        problem = alice.delete(f"/v1/bot-configs/{holder}").problem
        assert problem["status"] == 409
        assert "position=close" in problem["detail"]
        assert "position=keep" in problem["detail"]

    def test_that_keeps_leaves_the_position_to_its_user(self, alice: Client, holder: int, backstage: Backstage) -> None:
        add_order(backstage, alice, holder, "NEW")  # its stop
        assert alice.request("DELETE", f"/v1/bot-configs/{holder}", query={"position": "keep"}).status == 204
        assert alice.get(f"/v1/bot-configs/{holder}").status == 404

    def test_that_closes_begins_to_and_waits(
        self, alice: Client, holder: int, backstage: Backstage, cloud: Cloud
    ) -> None:
        deletion = ("DELETE", f"/v1/bot-configs/{holder}")
        problem = alice.request(*deletion, query={"position": "close"}).problem
        assert (problem["status"], "is being closed" in problem["detail"]) == (409, True)
        assert cloud.invocations == [closing_event(alice, holder)]
        backstage.run(
            "UPDATE bot_states SET in_position = false, status = 'stopped', next_run_at = null,"
            " close_requested_at = null WHERE id = :id",
            id=holder,
        )
        assert alice.request(*deletion, query={"position": "close"}).status == 204


def add_order(backstage: Backstage, owner: Client, bot_id: int, status: str) -> None:
    backstage.run(
        "INSERT INTO orders (user_id, bot_config_id, decision_key, leg, client_order_id, symbol, market_type, side,"
        " type, reason, quantity, status) VALUES (:user, :bot, 'k', 'entry', 'tb1-' || :bot, 'BTCUSDT', 'spot', 'BUY',"
        " 'MARKET', 'entry_signal', 1, :status)",
        user=owner.user["id"],
        bot=bot_id,
        status=status,
    )
