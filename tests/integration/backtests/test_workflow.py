"""A backtest from its request to its report, through the API, the workflow and its functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.backtests.conftest import body

if TYPE_CHECKING:
    from tests.integration.backtests.conftest import Platform


def test_a_backtest_runs_from_its_request_to_its_report(platform: Platform) -> None:
    accepted = platform.api.call("POST", "/backtests", body())
    assert accepted["status"] == "pending"
    ended = platform.until(accepted["id"], "succeeded", "failed")
    assert ended["error_message"] is None, (ended, platform.execution(accepted["id"]))
    assert ended["status"] == "succeeded"
    results = platform.api.call("GET", f"/backtests/{accepted['id']}/results")
    assert results["total_trades"] > 5
