"""Starts other functions: without waiting for them, or to ask them something."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.cloud_calls import calling
from tradebot.errors import CloudUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_lambda import LambdaClient


class Caller(Protocol):
    """Has one function answer an event."""

    def call(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the function's answer."""
        ...


class Invoker(Protocol):
    """Hands an event to one function."""

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Queue `event`; it has been accepted when this returns."""
        ...


class FunctionFailedError(Exception):
    """The function that was asked failed: under which error's name, and with which words."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class Asker(Protocol):
    """Asks one function."""

    def ask(self, event: Mapping[str, Any]) -> Any:
        """Return what the function answers. Raises FunctionFailedError."""
        ...


@dataclass(frozen=True, slots=True)
class LambdaInvoker:
    """lambda:InvokeFunction. Safe to use from several threads, as boto3's clients are."""

    make_client: Callable[[], LambdaClient]
    function_name: str

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Queue `event`; it has been accepted when this returns. Raises CloudUnavailableError."""
        with calling("Lambda"):
            self.make_client().invoke(
                FunctionName=self.function_name, InvocationType="Event", Payload=json.dumps(event).encode()
            )

    def ask(self, event: Mapping[str, Any]) -> Any:
        """Return what the function answers. Raises FunctionFailedError, CloudUnavailableError."""
        with calling("Lambda"):
            answer = self.make_client().invoke(FunctionName=self.function_name, Payload=json.dumps(event).encode())
            payload: Any = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            said = payload or {}
            raise FunctionFailedError(str(said.get("errorType", "")), str(said.get("errorMessage", "")))
        return payload


@dataclass(frozen=True, slots=True)
class LambdaCaller:
    """lambda:InvokeFunction, synchronous."""

    make_client: Callable[[], LambdaClient]
    function_name: str

    def call(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the function's answer. Raises CloudUnavailableError where it failed or gave none."""
        with calling("Lambda"):
            response = self.make_client().invoke(
                FunctionName=self.function_name, InvocationType="RequestResponse", Payload=json.dumps(event).encode()
            )
            payload = response["Payload"].read()
        # A mapping to the type checker: its TypedDict has the member in every answer, AWS has it in failures alone.
        if dict(response).get("FunctionError"):
            raise CloudUnavailableError(f"{self.function_name} failed; try again in a moment.")
        answer: dict[str, Any] = json.loads(payload)
        return answer
