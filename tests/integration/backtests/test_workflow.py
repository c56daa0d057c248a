"""The backtest's workflow, from the template, through its functions: it ends as failed and says why."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from infra.local.cloud.local_cloud import LocalCloud

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT = Path(__file__).parents[2] / "events" / "backtest_plan" / "one_quarter.json"
EXTERNAL = {"Database": "external"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("cloud"), foundation_parameters=EXTERNAL, parameters=EXTERNAL) as running:
        yield running


def execute(cloud: LocalCloud, name: str, given: Any) -> Any:
    """Run the workflow to its end and describe it."""
    states = boto3.client(
        "stepfunctions",
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    machine = cloud.outputs["BacktestStateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))["executionArn"]
    deadline = time.monotonic() + 60
    while (described := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline, "the workflow does not end"
        time.sleep(0.05)
    return described


def test_a_planned_backtest_fails_saying_that_it_is_not_available_yet(cloud: LocalCloud) -> None:
    ended = execute(cloud, "7", json.loads(EVENT.read_text()))
    assert ended["status"] == "FAILED"
    assert ended["error"] == "NotAvailableYetError"
    assert "Backtests are not available yet" in ended["cause"]


def test_an_input_without_its_end_fails_naming_the_field(cloud: LocalCloud) -> None:
    given = {name: value for name, value in json.loads(EVENT.read_text()).items() if name != "end_at"}
    ended = execute(cloud, "8", given)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "InvalidInputError"
    assert "plan: end_at is missing" in ended["cause"]
