"""`make logs`: what a reader sees of a function's log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from infra.local import logs

if TYPE_CHECKING:
    from pathlib import Path

RECORD = {
    "level": "INFO",
    "message": "tick",
    "timestamp": "2026-11-22 18:45:13,940+0000",
    "service": "bot-runner",
    "bot_config_id": 7,
    "actions": ["entry:FILLED"],
}


def test_a_line_shows_time_level_message_and_what_is_particular_to_it() -> None:
    shown = logs.readable("bot_runner", json.dumps(RECORD))
    assert shown is not None
    assert shown.startswith("18:45:13,940 bot_runner")
    assert "tick" in shown
    assert "entry:FILLED" in shown
    assert "service" not in shown


@pytest.mark.parametrize(
    "line", ['{"_aws": {}, "TicksDone": [1.0]}', "START RequestId: 1 Version: $LATEST", "END RequestId: 1"]
)
def test_metrics_and_frames_are_left_out(line: str) -> None:
    assert logs.readable("bot_runner", line) is None


def test_a_traceback_stands_below_its_line() -> None:
    shown = logs.readable("api", json.dumps({**RECORD, "level": "ERROR", "exception": "Traceback ...\nValueError: no"}))
    assert shown is not None
    assert shown.endswith("Traceback ...\nValueError: no")


def test_an_unknown_function_is_answered_with_those_that_have_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "generator-7" / "cloud" / "logs"
    folder.mkdir(parents=True)
    (folder / "tradebot-bot-runner.log").touch()
    monkeypatch.setenv("TRADEBOT_STATE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["logs", "nothing"])
    assert logs.main() == 1
    assert "There are: bot_runner" in capsys.readouterr().err
