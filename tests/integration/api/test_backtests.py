"""Backtests through the API: what is accepted, what is refused under which field's name, and what becomes of one."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.integration.api.bodies import backtest_body, bot_body
from tests.integration.api.cloud import FACTS
from tradebot.bootstrap.api import api_use_cases
from tradebot.services.read_backtests import MOST_ANSWERED_BYTES
from tradebot.services.start_backtest import MOST_UNDER_WAY

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Client


def parameters(**changes: object) -> dict[str, Any]:
    return {**backtest_body()["parameters"], **changes}


def test_a_backtest_is_accepted_with_where_to_watch_it_and_its_workflow_has_its_id(alice: Client, cloud: Cloud) -> None:
    accepted = alice.post("/v1/backtests", backtest_body(interval="1h", end_date="2023-06-30T23:00:00+02:00"))
    assert accepted.status == 202
    shown = alice.get(accepted.headers["location"])
    assert shown.json == accepted.json | {"updated_at": shown.json["updated_at"]}
    assert shown.json["status"] == "pending"
    assert shown.json["end_date"] == "2023-06-30T21:00:00+00:00"
    assert shown.json["parameters"]["rules"] == FACTS["rules"]
    assert cloud.executions()[str(shown.json["id"])] == "RUNNING"


def test_costs_are_binances_base_tier_unless_they_are_given(alice: Client) -> None:
    given = {"maker_fee_bps": 0, "taker_fee_bps": "7.5", "slippage_bps": "1.25"}
    plain = alice.post("/v1/backtests", backtest_body()).json["parameters"]["fees"]
    chosen = alice.post("/v1/backtests", backtest_body(**given)).json["parameters"]["fees"]
    assert plain == {"maker_ppm": 1000, "taker_ppm": 1000, "slippage_ppm": 200}
    assert chosen == {"maker_ppm": 0, "taker_ppm": 750, "slippage_ppm": 125}


REFUSED: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "dates reversed": ({"end_date": "2022-12-31"}, [("end_date", "after_start")]),
    "no time at all": ({"end_date": "2023-01-01"}, [("end_date", "after_start")]),
    "in the future": ({"end_date": "2024-07-01T12:05:00Z"}, [("end_date", "past")]),
    "before listing": ({"start_date": "2020-01-02"}, [("start_date", "after_listing")]),
    "before listing, in the future": (
        {"start_date": "2019-06-01", "end_date": "2024-08-01"},
        [("end_date", "past"), ("start_date", "after_listing")],
    ),
    "longer than ten years": ({"start_date": "2013-01-01"}, [("end_date", "span")]),
    "a warm-up of centuries": (
        {"interval": "1M", "parameters": parameters(ema_slow=1000)},
        [("end_date", "span")],
    ),
    "no date": ({"start_date": "soon"}, [("start_date", "datetime_type")]),
    "a number for a date": ({"start_date": 1672531200}, [("start_date", "datetime_type")]),
    "beyond every calendar": ({"end_date": "9999-12-31T23:59:59-14:00"}, [("end_date", "datetime_range")]),
    "no interval of Binance": ({"interval": "7m"}, [("interval", "literal_error")]),
    "an interval that is not kept": ({"interval": "1s"}, [("interval", "literal_error")]),
    "no shape of a symbol": ({"symbol": "BTC-USDT"}, [("symbol", "string_pattern_mismatch")]),
    "less than the least order": ({"initial_capital": "4.99"}, [("initial_capital", "min_notional")]),
    "no capital": ({"initial_capital": 0}, [("initial_capital", "greater_than")]),
    "a size below the least order": (
        {"parameters": parameters(position_size_fixed="4")},
        [("parameters.position_size_fixed", "min_notional")],
    ),
    "averages the wrong way round": (
        {"parameters": parameters(ema_fast=30)},
        [("parameters.ema_fast", "ema_order")],
    ),
    "a period of nothing": (
        {"parameters": parameters(rsi_period=1)},
        [("parameters.rsi_period", "greater_than_equal")],
    ),
    "an unknown strategy": ({"parameters": parameters(strategy="luck")}, [("parameters.strategy", "known_strategy")]),
    "a short's target at zero": (
        {"market_type": "futures", "parameters": parameters(take_profit_perc="100")},
        [("parameters.take_profit_perc", "short_take_profit_above_zero")],
    ),
    "no such field": ({"api_key_id": 7}, [("api_key_id", "unknown_field")]),
    "leverage beyond Binance's": ({"leverage": 126}, [("leverage", "less_than_equal")]),
    "costs below nothing": ({"slippage_bps": "-1"}, [("slippage_bps", "greater_than")]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_tested_is_refused_under_its_fields_name(alice: Client, cloud: Cloud, case: str) -> None:
    changes, expected = REFUSED[case]
    before = len(cloud.executions())
    problem = alice.post("/v1/backtests", backtest_body(**changes)).problem
    assert problem["status"] == 422
    assert [(error["field"], error["rule"]) for error in problem["errors"]] == expected
    assert all(error["message"] for error in problem["errors"])
    assert alice.get("/v1/backtests").json["items"] == []
    assert len(cloud.executions()) == before


def test_a_symbol_that_the_exchange_does_not_trade_is_named(alice: Client, cloud: Cloud) -> None:
    cloud.facts = ("InvalidInputError", "Binance trades no NOPEUSDT on its spot market.")
    (error,) = alice.post("/v1/backtests", backtest_body(symbol="NOPEUSDT")).problem["errors"]
    assert error == {
        "field": "symbol",
        "rule": "known_symbol",
        "message": "Binance trades no NOPEUSDT on its spot market.",
    }


def test_an_exchange_that_does_not_answer_is_worth_another_try(alice: Client, cloud: Cloud) -> None:
    cloud.facts = ("ExchangeUnavailableError", "the exchange gave no answer")
    answer = alice.post("/v1/backtests", backtest_body())
    assert answer.problem["status"] == 503
    assert answer.headers["retry-after"]


def test_a_bots_own_configuration_is_tested(alice: Client) -> None:
    bot = alice.post("/v1/bot-configs", bot_body(initial_capital="500", strategy="custom")).json
    span = {"start_date": "2023-01-01", "end_date": "2023-02-01"}
    accepted = alice.post(f"/v1/bot-configs/{bot['id']}/backtests", span)
    assert accepted.status == 202
    assert accepted.json["bot_config_id"] == bot["id"]
    assert accepted.json["initial_capital"] == "500"
    assert accepted.json["parameters"]["config"]["strategy"] == "custom"
    poor = alice.post("/v1/bot-configs", bot_body()).json["id"]
    (error,) = alice.post(f"/v1/bot-configs/{poor}/backtests", span).problem["errors"]
    assert (error["field"], error["rule"]) == ("initial_capital", "required")


def test_an_account_has_a_few_backtests_under_way_and_no_more(alice: Client, backstage: Backstage) -> None:
    started = [alice.post("/v1/backtests", backtest_body()) for _ in range(MOST_UNDER_WAY + 1)]
    assert [answer.status for answer in started] == [202] * MOST_UNDER_WAY + [409]
    backstage.end_backtest(started[0].json["id"])
    assert alice.post("/v1/backtests", backtest_body()).status == 202


def test_a_cancelled_backtest_leaves_no_execution_and_stays_cancelled(
    alice: Client, cloud: Cloud, backstage: Backstage
) -> None:
    started = alice.post("/v1/backtests", backtest_body()).json["id"]
    cancelled = alice.post(f"/v1/backtests/{started}/cancel").json
    assert cancelled["status"] == "cancelled"
    assert cancelled["estimated_seconds_left"] is None
    assert cloud.executions()[str(started)] == "ABORTED"
    assert alice.post(f"/v1/backtests/{started}/cancel").status == 200
    over = alice.post("/v1/backtests", backtest_body()).json["id"]
    backstage.end_backtest(over)
    assert "succeeded already" in alice.post(f"/v1/backtests/{over}/cancel").problem["detail"]


def test_a_workflow_that_does_not_start_leaves_a_row_that_says_so(
    alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = api_use_cases().backtests.start
    monkeypatch.setattr(type(start.workflow), "start", lambda *_: boto3.client("sqs").purge_queue(QueueUrl="none"))
    assert alice.post("/v1/backtests", backtest_body()).problem["status"] == 503
    (row,) = alice.get("/v1/backtests").json["items"]
    assert (row["status"], row["error_message"]) == ("failed", "It could not be started. Ask for it again.")


def test_results_are_there_once_it_has_succeeded_and_else_the_reason_why_not(
    alice: Client, backstage: Backstage
) -> None:
    started = alice.post("/v1/backtests", backtest_body()).json["id"]
    said = {}
    for status in ("running", "cancelled", "failed"):
        backstage.run("UPDATE backtests SET status = :status WHERE id = :id", status=status, id=started)
        for path in ("results", "trades.csv", "report.html"):
            problem = alice.get(f"/v1/backtests/{started}/{path}").problem
            assert (problem["status"], problem["type"]) == (409, "urn:tradebot:problem:no-results")
            said[status] = problem["detail"]
    assert len(set(said.values())) == 3
    backstage.end_backtest(started)
    results = alice.get(f"/v1/backtests/{started}/results").json
    assert results["metrics"] == {"sharpe_ratio": 1.5}


def test_files_are_answered_and_large_ones_lent_by_a_link(alice: Client, backstage: Backstage, cloud: Cloud) -> None:
    started = alice.post("/v1/backtests", backtest_body()).json["id"]
    backstage.end_backtest(started)
    cloud.put_report(alice.user["id"], started, "trades.csv", b"number,at\n1,2023\n")
    cloud.put_report(alice.user["id"], started, "report.html", b"<!doctype html>")
    cloud.put_report(alice.user["id"], started, "daily.csv", b"d" * (MOST_ANSWERED_BYTES + 1))
    trades = alice.get(f"/v1/backtests/{started}/trades.csv")
    assert (trades.body, trades.was_base64) == (b"number,at\n1,2023\n", False)
    assert trades.headers["content-type"] == "text/csv; charset=utf-8"
    assert trades.headers["content-disposition"] == f'attachment; filename="backtest-{started}-trades.csv"'
    page = alice.get(f"/v1/backtests/{started}/report.html")
    assert "script" not in page.headers["content-security-policy"]
    assert "style-src 'unsafe-inline'" in page.headers["content-security-policy"]
    lent = alice.get(f"/v1/backtests/{started}/daily.csv")
    assert lent.status == 307
    assert f"backtests/{alice.user['id']}/{started}/daily.csv" in lent.headers["location"]
    assert "X-Amz-Expires=300" in lent.headers["location"]
    expired = alice.get(f"/v1/backtests/{started}/monthly.csv").problem
    assert (expired["status"], "run the backtest again" in expired["detail"]) == (404, True)


def test_a_deleted_backtest_takes_its_files_and_no_others_along(
    alice: Client, backstage: Backstage, cloud: Cloud
) -> None:
    first, second = (alice.post("/v1/backtests", backtest_body()).json["id"] for _ in range(2))
    assert "cancel it first" in alice.delete(f"/v1/backtests/{first}").problem["detail"]
    for one in (first, second):
        backstage.end_backtest(one)
        for name in ("trades.csv", "states/1", "parts/1-2"):
            cloud.put_report(alice.user["id"], one, name, b"-")
    assert alice.delete(f"/v1/backtests/{first}").status == 204
    left = [key for key in cloud.reports() if key.startswith(f"backtests/{alice.user['id']}/")]
    assert len(left) == 3
    assert all(key.startswith(f"backtests/{alice.user['id']}/{second}/") for key in left)
    assert alice.get(f"/v1/backtests/{first}").status == 404


#: Progress, seconds since the start, seconds planned for -> seconds left.
ESTIMATES = {(0.0, 0, 60.0): 60, (0.1, 20, 60.0): 40, (0.1, 90, 60.0): 1, (0.5, 30, 60.0): 30, (0.75, 30, 9.0): 10}


@pytest.mark.parametrize("case", ESTIMATES)
def test_the_estimate_follows_the_plan_and_then_the_progress(
    alice: Client, backstage: Backstage, case: tuple[float, int, float]
) -> None:
    progress, passed, planned = case
    started = alice.post("/v1/backtests", backtest_body()).json["id"]
    backstage.run(
        "UPDATE backtests SET status = 'running', progress = :progress, estimated_seconds = :planned,"
        " started_at = now() - make_interval(secs => :passed) WHERE id = :id",
        progress=progress,
        planned=planned,
        passed=passed,
        id=started,
    )
    assert alice.get(f"/v1/backtests/{started}").json["estimated_seconds_left"] == pytest.approx(
        ESTIMATES[case], abs=1.0
    )


def test_the_estimate_goes_down_until_the_progress_moves_again(alice: Client, backstage: Backstage) -> None:
    started = alice.post("/v1/backtests", backtest_body()).json["id"]
    backstage.run(
        "UPDATE backtests SET status = 'running', progress = 0.4, estimated_seconds = 9, started_at = now()"
        " - interval '20 s' WHERE id = :id",
        id=started,
    )
    left = []
    for seconds in (0.0, 1.0):
        time.sleep(seconds)
        left.append(alice.get(f"/v1/backtests/{started}").json["estimated_seconds_left"])
    assert left[0] == pytest.approx(30, abs=1.0)
    assert left[1] < left[0] - 0.5


def test_the_workflow_is_given_ids_and_nothing_else(alice: Client, cloud: Cloud) -> None:
    started = alice.post("/v1/backtests", backtest_body()).json["id"]
    machine = next(iter(boto3.client("stepfunctions").list_state_machines()["stateMachines"]))["stateMachineArn"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{started}"
    given = json.loads(boto3.client("stepfunctions").describe_execution(executionArn=arn)["input"])
    assert given == {"backtest_id": started, "user_id": alice.user["id"]}


def test_backtests_are_filtered_and_asked_for_again_cheaply(alice: Client, backstage: Backstage) -> None:
    first = alice.post("/v1/backtests", backtest_body()).json["id"]
    second = alice.post("/v1/backtests", backtest_body(symbol="ETHUSDT")).json["id"]
    backstage.end_backtest(first)
    backstage.run("UPDATE backtests SET created_at = '2026-11-20T10:00:00Z' WHERE id = :id", id=first)

    def found(**query: object) -> list[int]:
        return [one["id"] for one in alice.get("/v1/backtests", **query).json["items"]]

    assert found() == [second, first]
    assert found(status="succeeded") == found(symbol="BTCUSDT") == found(until="2026-11-20T10:00:01Z") == [first]
    assert found(status="pending") == found(since="2026-11-20T10:00:01Z") == [second]
    assert found(status="pending", symbol="BTCUSDT") == []
    for wrong in ({"status": "lost"}, {"symbol": "eth"}, {"until": "tomorrow"}):
        assert alice.get("/v1/backtests", **wrong).problem["status"] == 422
    for path in ("/v1/backtests", f"/v1/backtests/{second}"):
        known = {"if-none-match": alice.get(path).headers["etag"]}
        assert alice.request("GET", path, headers=known).status == 304
        backstage.run("UPDATE backtests SET progress = progress + 0.1 WHERE id = :id", id=second)
        assert alice.request("GET", path, headers=known).status == 200
