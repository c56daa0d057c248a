"""A backtest from its request to its report, through the API, the workflow and its functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.backtests.conftest import body
from tradebot_cli.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.integration.backtests.conftest import Platform


def test_a_backtest_runs_from_its_request_to_its_report(platform: Platform) -> None:
    accepted = platform.api.call("POST", "/backtests", body())
    assert accepted["status"] == "pending"
    ended = platform.until(accepted["id"], "succeeded", "failed")
    assert ended["error_message"] is None, (ended, platform.execution(accepted["id"]))
    assert ended["status"] == "succeeded"
    results = platform.api.call("GET", f"/backtests/{accepted['id']}/results")
    assert results["total_trades"] > 5


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
