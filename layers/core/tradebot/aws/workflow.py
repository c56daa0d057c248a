"""Starts, stops and looks at executions of the backtest workflow. An execution has the name of its backtest's id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.cloud_calls import calling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, slots=True)
class Execution:
    """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; why, where it failed."""

    status: str
    error: str
    cause: str


class Workflow(Protocol):
    """One state machine."""

    def start(self, name: str, given: Mapping[str, Any]) -> None:
        """Start an execution; one of that name that was started with the same input already is not started again."""
        ...

    def stop(self, name: str, cause: str) -> None:
        """Stop an execution, if it runs."""
        ...

    def describe(self, name: str) -> Execution | None:
        """Return how an execution stands, None where there never was one."""
        ...


@dataclass(frozen=True, slots=True)
class StepFunctionsWorkflow:
    """states:StartExecution, StopExecution, DescribeExecution."""

    make_client: Callable[[], SFNClient]
    machine_arn: str

    def start(self, name: str, given: Mapping[str, Any]) -> None:
        """See Workflow. Raises CloudUnavailableError, as the others do."""
        with calling("Step Functions"):
            client = self.make_client()
            client.start_execution(stateMachineArn=self.machine_arn, name=name, input=json.dumps(given))

    def stop(self, name: str, cause: str) -> None:
        """See Workflow."""
        with calling("Step Functions"):
            client = self.make_client()
            try:
                client.stop_execution(executionArn=self._arn_of(name), cause=cause)
            except client.exceptions.ExecutionDoesNotExist:
                return

    def describe(self, name: str) -> Execution | None:
        """See Workflow."""
        with calling("Step Functions"):
            client = self.make_client()
            try:
                found = client.describe_execution(executionArn=self._arn_of(name))
            except client.exceptions.ExecutionDoesNotExist:
                return None
        return Execution(found["status"], found.get("error", ""), found.get("cause", ""))

    def _arn_of(self, name: str) -> str:
        return f"{self.machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
