"""A backtest from its request to its report, through the API, the workflow and its functions."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from infra.local.api_client import ApiError
from tests.bench.backtests import largest_payload
from tests.integration.backtests.conftest import END_SECONDS, HOLE, body
from tradebot_cli.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.backtests.conftest import Platform

STEP_OF_STATE = {"Plan": "Plan", "FetchMonths": "Fetch", "Simulate": "Simulate", "Collect": "Collect"}
#: What two runs of the same backtest do not share.
OF_ONE_RUN = {"id", "backtest_id", "created_at", "updated_at", "started_at", "finished_at"}


def test_a_backtest_runs_from_its_request_to_its_report(platform: Platform) -> None:
    accepted = platform.api.call("POST", "/backtests", body())
    assert accepted["status"] == "pending"
    ended = platform.until(accepted["id"], "succeeded", "failed")
    assert ended["error_message"] is None, (ended, platform.execution(accepted["id"]))
    assert ended["status"] == "succeeded"
    results = platform.api.call("GET", f"/backtests/{accepted['id']}/results")
    assert results["total_trades"] > 5
    assert results["metrics"]["gaps"] == 1
    assert (
        "The exchange has no candles in 1 gap of this span; nothing was made up for them, and no position was entered "
        "right after one."
    ) in results["metrics"]["notes"]
    assert results["metrics"]["candles"] == round(2.75 * 1440) - len(HOLE)
    arn = platform.execution(accepted["id"])["executionArn"]
    assert 0 < largest_payload(platform.client("stepfunctions"), arn) < 8_192  # of 262,144


def test_functions_that_are_killed_at_random_change_nothing_of_a_result(platform: Platform) -> None:
    chance, left, died = random.Random(5), set(STEP_OF_STATE), 0
    # Warm functions are done before they can be met; these have to wait for their candles.
    platform.exchange.add_fault("delay", path="/fapi/v1/klines", milliseconds=300)
    accepted = platform.api.call("POST", "/backtests", body(market_type="futures"))
    while platform.api.call("GET", f"/backtests/{accepted['id']}")["status"] in {"pending", "running"}:
        for state in [one for one in left if platform.execution_has_entered(accepted["id"], one)]:
            time.sleep(chance.uniform(0.0, 0.15))
            for pid in platform.processes(STEP_OF_STATE[state]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            # Until one died at work: an idle process, or one that is only about to start, shows nothing.
            if (died_by_now := platform.deaths(accepted["id"])) > died:
                left.remove(state)
                died = died_by_now
        time.sleep(0.02)
    platform.exchange.clear_faults()
    disturbed = platform.until(accepted["id"], "succeeded", "failed")
    assert disturbed["status"] == "succeeded", disturbed["error_message"]
    assert platform.deaths(accepted["id"]) >= 2, "functions have to die while they work, or nothing is shown"
    calm = platform.until(platform.api.call("POST", "/backtests", body(market_type="futures"))["id"], "succeeded")
    results = [platform.api.call("GET", f"/backtests/{one['id']}/results") for one in (disturbed, calm)]
    for one in results:
        assert one["metrics"]["funding_assumed"] == 0
        assert "Positions paid and received funding as the exchange settled it." in one["metrics"]["notes"]
    told = [{name: value for name, value in one.items() if name not in OF_ONE_RUN} for one in results]
    assert told[0] == told[1]


def test_its_user_is_told_at_once_how_it_ended_unless_that_is_switched_off(platform: Platform) -> None:
    succeeded = platform.until(platform.api.call("POST", "/backtests", body())["id"], "succeeded")["id"]
    # Candles that nobody can read, where this timeframe's would lie.
    bucket = next(one["Name"] for one in platform.client("s3").list_buckets()["Buckets"] if "candle" in one["Name"])
    for month in ("2023-01", "2023-02"):
        key = f"candles/binance/spot/BTCUSDT/3m/{month}.d2"
        platform.client("s3").put_object(Bucket=bucket, Key=key, Body=b"no candles")
    failed = platform.api.call("POST", "/backtests", body(interval="3m", end_date="2023-01-31T00:00:00Z"))["id"]
    assert "on our side" in platform.until(failed, "failed")["error_message"]
    assert platform.mailed(succeeded) == [f"Backtest {succeeded} (BTCUSDT) is ready"]
    assert platform.mailed(failed) == [f"Backtest {failed} failed"]
    off = {"kind": "backtest_ready", "mail": False, "webhook": False}
    platform.api.call("PATCH", "/users/me/notifications", {"switches": [off]})
    try:
        quiet = platform.until(platform.api.call("POST", "/backtests", body())["id"], "succeeded")["id"]
        assert platform.mailed(quiet) == []
    finally:
        platform.api.call("PATCH", "/users/me/notifications", {"switches": [{**off, "mail": True}]})


def test_a_backtest_that_is_cancelled_while_a_step_runs_leaves_nothing_behind(platform: Platform) -> None:
    platform.exchange.add_fault("delay", path="/api/v3/klines", milliseconds=1_500)
    try:
        accepted = platform.api.call("POST", "/backtests", body(interval="5m"))
        while not platform.execution_has_entered(accepted["id"], "FetchMonths"):
            time.sleep(0.05)
        assert platform.api.call("POST", f"/backtests/{accepted['id']}/cancel")["status"] == "cancelled"
    finally:
        platform.exchange.clear_faults()
    # The interpreter here lets the function answer that it waits for, which then finds the row cancelled: FAILED.
    deadline = time.monotonic() + END_SECONDS
    while platform.execution(accepted["id"])["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert platform.execution(accepted["id"])["status"] in {"ABORTED", "FAILED"}
    assert platform.api.call("GET", f"/backtests/{accepted['id']}")["status"] == "cancelled"
    assert platform.results_of(accepted["id"]) == []


def test_a_terminal_starts_one_watches_it_and_downloads_its_report(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADEBOT_EMAIL", platform.api.email)
    monkeypatch.setenv("TRADEBOT_PASSWORD", "seven-candles-before-noon")
    common = ["backtest", "--remote", "--url", platform.cloud.api_url, "--symbol", "BTCUSDT", "--strategy", "ema"]
    span = ["--start", "2023-01-30", "--end", "2023-02-02"]
    trades, page = tmp_path / "trades.csv", tmp_path / "page.html"
    assert main([*common, *span, "--trades", str(trades), "--plot", str(page)]) == 0
    assert "Round trips" in capsys.readouterr().out
    assert trades.read_text().startswith("number,at,side")
    assert page.read_text().startswith("<!doctype html>")
    assert main([*common, "--start", "2023-01-30", "--end", "2023-01-29"]) == 2
    assert "end_date: end_date has to be after start_date" in capsys.readouterr().err
    assert main(["backtest", "--remote", "--symbol", "BTCUSDT"]) == 2
    assert "--start, --end" in capsys.readouterr().err
    assert main([*common[:2], "--url", "http://127.0.0.1:9", *common[4:], *span]) == 5


#: What only the exchange knows of a market: a request's change, and the field that is named.
BEYOND_THE_MARKET = {
    "an unknown symbol": ({"symbol": "NOPEUSDT"}, "symbol"),
    "a span that has not closed": ({"end_date": "2023-02-04T00:00:00Z"}, "end_date"),
    "a span from before the listing": ({"start_date": "2023-01-28T01:00:00Z"}, "start_date"),
    "less than the least order": ({"initial_capital": "4"}, "initial_capital"),
}


@pytest.mark.parametrize("case", BEYOND_THE_MARKET)
def test_what_the_market_forbids_is_refused_under_its_fields_name(platform: Platform, case: str) -> None:
    changes, field = BEYOND_THE_MARKET[case]
    with pytest.raises(ApiError) as refused:
        platform.api.call("POST", "/backtests", body(**changes))
    assert refused.value.status == 422
    assert f"({field}: " in str(refused.value)
    assert str(refused.value).count(";") == 0, "one field, one reason"
