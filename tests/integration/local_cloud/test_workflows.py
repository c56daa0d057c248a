"""State machines run on moto's interpreter, and their tasks are functions here."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

    from .conftest import Clients


def finished(client: Any, execution: str) -> Any:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        description = client.describe_execution(executionArn=execution)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.05)
    raise AssertionError("the execution does not end")


def test_a_workflow_runs_its_tasks_in_the_functions_processes(cloud: LocalCloud, client: Clients) -> None:
    states = client("stepfunctions")
    machine = cloud.functions["RelayFunction"].environment["WORKFLOW"]
    items = {"items": [{"n": 1}, {"n": 2}, {"n": 3}]}
    started = states.start_execution(stateMachineArn=machine, name="one", input=json.dumps(items))
    ended = finished(states, started["executionArn"])
    assert ended["status"] == "SUCCEEDED"
    output = json.loads(ended["output"])
    assert [item["event"] for item in output] == items["items"]
    assert {item["function_name"] for item in output} == {"small-probe"}
    assert "START RequestId" in cloud.log_tail("ProbeFunction")


def test_a_failing_task_fails_the_workflow_with_the_functions_error(cloud: LocalCloud, client: Clients) -> None:
    states = client("stepfunctions")
    machine = cloud.functions["RelayFunction"].environment["WORKFLOW"]
    event = {"items": [{"do": "raise", "message": "no candles"}]}
    started = states.start_execution(stateMachineArn=machine, name="two", input=json.dumps(event))
    ended = finished(states, started["executionArn"])
    assert ended["status"] == "FAILED"
    assert ended["error"] == "ValueError"
    assert "no candles" in ended["cause"]
