"""Start and stop: what has to be right before, what changes, what stays, and what a repetition does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import bot_body, key_body
from tradebot.bootstrap.api import api_use_cases, token_authority
from tradebot.bootstrap.aws_clients import events_client, lambda_client
from tradebot.bootstrap.database import database_engine
from tradebot.errors import ConflictError
from tradebot.repositories.database_errors import translated_session

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Client


def new_bot(client: Client, **changes: object) -> int:
    made = client.post("/v1/bot-configs", bot_body(**changes))
    assert made.status == 201, made.body
    bot_id: int = made.json["id"]
    return bot_id


def start(client: Client, bot_id: int) -> Any:
    return client.post(f"/v1/bot-runner/{bot_id}/start")


def stop(client: Client, bot_id: int) -> Any:
    return client.post(f"/v1/bot-runner/{bot_id}/stop")


def test_a_started_bot_is_active_due_at_once_and_ticks(
    alice: Client, valid_key: int, cloud: Cloud, backstage: Backstage
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    state = start(alice, bot_id).json
    assert (state["status"], state["is_active"], state["notice"]) == ("starting", True, None)
    assert state["next_run_at"] == "1970-01-01T00:00:00Z"
    assert state["started_at"] is not None
    assert alice.get(f"/v1/bot-configs/{bot_id}").json["is_active"] is True
    assert cloud.rule_is_enabled()


def test_starting_what_runs_changes_nothing_and_answers_the_same(
    alice: Client, valid_key: int, cloud: Cloud, backstage: Backstage
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    start(alice, bot_id)
    backstage.run("UPDATE bot_states SET status = 'running', next_run_at = now() WHERE id = :id", id=bot_id)
    before = backstage.value("SELECT to_jsonb(s) FROM bot_states s WHERE id = :id", id=bot_id)
    cloud.disable_rule()
    again = start(alice, bot_id)
    assert (again.status, again.json["status"]) == (200, "running")
    assert backstage.value("SELECT to_jsonb(s) FROM bot_states s WHERE id = :id", id=bot_id) == before
    assert cloud.rule_is_enabled(), "a start that committed and then failed is mended by its repetition"


def test_a_start_whose_rule_cannot_be_enabled_succeeds_when_repeated(
    alice: Client, valid_key: int, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)

    def unavailable(**_: object) -> None:
        raise ConnectionError("no EventBridge")

    with monkeypatch.context() as broken:
        broken.setattr(events_client(), "enable_rule", unavailable)
        assert start(alice, bot_id).problem["status"] == 500
    assert not cloud.rule_is_enabled()
    assert start(alice, bot_id).status == 200
    assert cloud.rule_is_enabled()


def test_a_bot_without_a_key_starts_on_paper(alice: Client, cloud: Cloud) -> None:
    bot_id = new_bot(alice, initial_capital="1000")
    cloud.invocations.clear()
    answer = start(alice, bot_id)
    assert (answer.status, answer.json["status"]) == (200, "starting")
    assert cloud.rule_is_enabled()
    assert cloud.invocations == [], "there is no key that could be checked"


def test_a_bot_on_paper_needs_an_initial_capital(alice: Client, cloud: Cloud) -> None:
    bot_id = new_bot(alice, initial_capital=None)
    problem = start(alice, bot_id).problem
    assert problem["status"] == 422
    assert [(error["field"], error["rule"]) for error in problem["errors"]] == [
        ("initial_capital", "required_on_paper")
    ]
    assert alice.get(f"/v1/bot-states/{bot_id}").json["status"] == "stopped"
    assert not cloud.rule_is_enabled()


def test_a_key_that_was_not_checked_yet_is_asked_for_again(alice: Client, cloud: Cloud) -> None:
    key_id = alice.post("/v1/api-keys", key_body()).json["id"]
    bot_id = new_bot(alice, api_key_id=key_id)
    cloud.invocations.clear()
    answer = start(alice, bot_id)
    assert answer.problem["type"] == "urn:tradebot:problem:api-key-not-checked"
    assert answer.headers["retry-after"]
    assert cloud.invocations == [{"check_key": {"api_key_id": key_id, "user_id": alice.user["id"]}}]
    assert alice.get(f"/v1/bot-configs/{bot_id}").json["is_active"] is False


def test_a_refused_key_is_told_with_the_exchanges_reason(alice: Client, backstage: Backstage) -> None:
    key_id = alice.post("/v1/api-keys", key_body()).json["id"]
    backstage.mark_key(key_id, error="the key may withdraw")
    problem = start(alice, new_bot(alice, api_key_id=key_id)).problem
    assert problem["status"] == 409
    assert "the key may withdraw" in problem["detail"]


FUTURES = {"position_type": "futures", "leverage": 5}


@pytest.mark.rule(12)
def test_two_active_futures_bots_on_one_key_and_symbol_are_refused(
    alice: Client, valid_key: int, backstage: Backstage
) -> None:
    first, second = (new_bot(alice, api_key_id=valid_key, name=name, **FUTURES) for name in ("one", "two"))
    assert start(alice, first).status == 200
    problem = start(alice, second).problem
    assert problem["status"] == 409
    assert "one" in problem["detail"]
    stop(alice, first)
    assert start(alice, second).status == 200


@pytest.mark.parametrize(
    "change", [{"symbol": "ETHUSDT"}, {"position_type": "spot"}, {"api_key_id": "another"}], ids=str
)
def test_what_does_not_net_into_one_position_runs_side_by_side(
    alice: Client, valid_key: int, backstage: Backstage, change: dict[str, Any]
) -> None:
    if "api_key_id" in change:
        other = alice.post("/v1/api-keys", key_body()).json["id"]
        backstage.mark_key(other)
        change = {"api_key_id": other}
    first = new_bot(alice, api_key_id=valid_key, **FUTURES)
    second = new_bot(alice, **{"api_key_id": valid_key, **FUTURES, **change})
    assert start(alice, first).status == start(alice, second).status == 200


def test_of_two_starts_at_the_same_time_one_wins(alice: Client, valid_key: int) -> None:
    """Through the use case, on connections of their own: the function itself serves one request at a time."""
    bots = [new_bot(alice, api_key_id=valid_key, name=str(number), **FUTURES) for number in range(4)]
    start_bot = api_use_cases().bots.start
    token = token_authority().verify(alice.token or "")
    barrier = threading.Barrier(len(bots))

    def run(bot_id: int) -> str:
        engine = database_engine.__wrapped__()
        cases = type(start_bot)(
            type(start_bot.sessions)(lambda user_id: translated_session(engine, user_id)),
            start_bot.schedule,
            start_bot.request_key_check,
        )
        barrier.wait()
        try:
            cases(token, bot_id)
        except ConflictError:
            return "refused"
        else:
            return "started"
        finally:
            engine.dispose()

    with ThreadPoolExecutor(len(bots)) as pool:
        assert sorted(pool.map(run, bots)) == ["refused", "refused", "refused", "started"]


@pytest.mark.parametrize("with_position", [False, True])
def test_a_start_keeps_money_and_counters_and_its_first_tick_knows_that_it_is_the_first(
    alice: Client, valid_key: int, backstage: Backstage, with_position: bool
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    if with_position:
        backstage.open_position(bot_id)
    backstage.run(
        "UPDATE bot_states SET strategy_state = '{\"v\": 1}', last_closed_candle_at = now(), daily_trades_count = 4,"
        " daily_pnl = -3, realized_pnl = 12, last_error_message = 'old' WHERE id = :id",
        id=bot_id,
    )
    state = start(alice, bot_id).json
    assert (state["status"], state["in_position"]) == ("starting", with_position)
    assert (state["last_closed_candle_at"], state["last_error_message"]) == (None, None)
    assert (state["daily_trades_count"], state["daily_pnl"], state["realized_pnl"]) == (4, "-3", "12")
    assert backstage.value("SELECT strategy_state FROM bot_states WHERE id = :id", id=bot_id) == {"v": 1}


@pytest.mark.parametrize(
    ("change", "is_kept"),
    [
        ({"symbol": "ETHUSDT"}, False),
        ({"position_type": "futures"}, False),
        ({"initial_capital": "500"}, False),
        ({"api_key_id": None}, False),
        ({"ema_fast": 5}, True),
        ({"strategy": "ema"}, True),
        ({"name": "renamed"}, True),
    ],
    ids=str,
)
def test_another_market_account_or_capital_begins_new_books(
    alice: Client, valid_key: int, backstage: Backstage, change: dict[str, Any], is_kept: bool
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    backstage.run("UPDATE bot_states SET strategy_state = '{\"v\": 1}' WHERE id = :id", id=bot_id)
    assert alice.patch(f"/v1/bot-configs/{bot_id}", change).status == 200
    memory = backstage.value("SELECT strategy_state FROM bot_states WHERE id = :id", id=bot_id)
    assert memory == ({"v": 1} if is_kept else None)


def test_a_stopped_bots_position_stays_and_is_watched(alice: Client, valid_key: int, backstage: Backstage) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    start(alice, bot_id)
    backstage.open_position(bot_id)
    state = stop(alice, bot_id).json
    assert (state["status"], state["is_active"], state["next_run_at"]) == (
        "stopped",
        False,
        "1970-01-01T00:00:00Z",
    )
    assert (state["in_position"], state["current_position_size_coins"]) == (True, "0.5")
    assert "position stays" in state["notice"]


def test_a_bot_whose_tick_runs_is_stopping_until_the_tick_has_ended(
    alice: Client, valid_key: int, backstage: Backstage
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    start(alice, bot_id)
    backstage.hold_lease(bot_id)
    assert stop(alice, bot_id).json["status"] == "stopping"
    assert alice.get(f"/v1/bot-states/{bot_id}").json["status"] == "stopping"
    backstage.run("UPDATE bot_states SET next_run_at = now() WHERE id = :id", id=bot_id)
    backstage.hold_lease(bot_id, seconds=-1)
    assert alice.get(f"/v1/bot-states/{bot_id}").json["status"] == "stopping", "it is due again, to settle an order"
    backstage.run("UPDATE bot_states SET next_run_at = null WHERE id = :id", id=bot_id)  # the tick died
    assert alice.get(f"/v1/bot-states/{bot_id}").json["status"] == "stopped"


def test_stopping_what_is_stopped_changes_nothing(alice: Client, backstage: Backstage) -> None:
    bot_id = new_bot(alice)
    before = backstage.value("SELECT to_jsonb(s) FROM bot_states s WHERE id = :id", id=bot_id)
    assert stop(alice, bot_id).json["status"] == "stopped"
    assert backstage.value("SELECT to_jsonb(s) FROM bot_states s WHERE id = :id", id=bot_id) == before


def test_a_bot_can_be_started_while_its_last_tick_is_still_stopping(
    alice: Client, valid_key: int, backstage: Backstage
) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    start(alice, bot_id)
    backstage.hold_lease(bot_id)
    stop(alice, bot_id)
    assert start(alice, bot_id).json["status"] == "starting"


def test_a_key_in_use_is_not_deleted(alice: Client, valid_key: int, backstage: Backstage) -> None:
    bot_id = new_bot(alice, api_key_id=valid_key)
    start(alice, bot_id)
    assert str(bot_id) in alice.delete(f"/v1/api-keys/{valid_key}").problem["detail"]
    stop(alice, bot_id)
    backstage.open_position(bot_id)
    assert alice.delete(f"/v1/api-keys/{valid_key}").problem["status"] == 409
    backstage.run(
        "UPDATE bot_states SET in_position = false, current_position_size_coins = null WHERE id = :id", id=bot_id
    )
    assert alice.delete(f"/v1/api-keys/{valid_key}").status == 204
    assert alice.get(f"/v1/bot-configs/{bot_id}").json["api_key_id"] is None


def test_a_failed_question_does_not_fail_the_keys_creation(
    alice: Client, monkeypatch: pytest.MonkeyPatch, log_lines: Any
) -> None:
    def unavailable(**_: object) -> None:
        raise ConnectionError("no Lambda")

    monkeypatch.setattr(lambda_client(), "invoke", unavailable)
    assert alice.post("/v1/api-keys", key_body()).status == 201
    assert [line["message"] for line in log_lines() if line["level"] == "WARNING"] == ["key check not requested"]
