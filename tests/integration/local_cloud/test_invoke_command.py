"""`make invoke`: in the cloud that runs, with what there is named where a name is wrong."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from infra.local import invoke
from infra.local.state import LocalError

from .conftest import small_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "events"
    for function, case, event in (
        ("web", "answers", {"rawPath": "/inferred"}),
        ("web", "fails", {"rawPath": "/fails"}),
        ("absent", "any", {}),
    ):
        (folder / function).mkdir(parents=True, exist_ok=True)
        (folder / function / f"{case}.json").write_text(json.dumps(event))
    monkeypatch.setattr(invoke, "EVENTS", folder)
    monkeypatch.setattr(invoke.available_events, "__defaults__", (folder,))
    monkeypatch.setattr(invoke.event_file, "__defaults__", (folder,))
    return folder


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TRADEBOT_STATE", str(tmp_path))
    with small_cloud(tmp_path / "some-market" / "cloud"):
        yield


@pytest.mark.usefixtures("events", "running")
def test_it_attaches_to_the_cloud_that_runs_and_prints_result_log_and_duration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert invoke.main(["web", "answers"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"Invoking small-WebFunction-\w+ in the cloud of process \d+", out)
    assert "START RequestId" in out
    assert '"hello": "world"' in out
    assert "succeeded in" in out


@pytest.mark.usefixtures("events", "running")
def test_a_function_error_is_printed_and_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke.main(["web", "fails"]) == 1
    out = capsys.readouterr().out
    assert "RuntimeError" in out
    assert "failed (Unhandled)" in out


@pytest.mark.usefixtures("events", "running")
def test_a_folder_that_the_template_does_not_have_is_named_with_those_it_has(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert invoke.main(["absent", "any"]) == 2
    err = capsys.readouterr().err
    assert "'absent'" in err
    assert "probe" in err


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("arguments", [[], ["web"], ["nobody", "answers"], ["web", "nothing"]])
def test_what_exists_is_listed_where_a_name_is_missing_or_wrong(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke.main(arguments) == 2
    assert "make invoke F=web E=answers" in capsys.readouterr().err


def test_what_a_killed_run_left_behind_is_not_taken_for_a_cloud(tmp_path: Path) -> None:
    left = tmp_path / "some-market" / "cloud"
    left.mkdir(parents=True)
    running = {"pid": 1, "endpoint_url": "http://127.0.0.1:9", "functions": {}}
    (left / "running.json").write_text(json.dumps(running))
    assert invoke.running_cloud(tmp_path) is None


def test_an_event_of_a_real_function_is_found() -> None:
    assert invoke.event_file("bot_runner", "due_bot").name == "due_bot.json"
    with pytest.raises(LocalError, match="make invoke F=bot_runner E=due_bot"):
        invoke.event_file("bot_runner", "no_such_event")
