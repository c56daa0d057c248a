"""Starts other functions: without waiting for them, or to ask them something."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.cloud_calls import calling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from types_boto3_lambda import LambdaClient


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
