"""Starts other functions without waiting for them."""

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


@dataclass(frozen=True, slots=True)
class LambdaInvoker:
    """lambda:InvokeFunction, asynchronous. Safe to use from several threads, as boto3's clients are."""

    make_client: Callable[[], LambdaClient]
    function_name: str

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Queue `event`; it has been accepted when this returns. Raises CloudUnavailableError."""
        with calling("Lambda"):
            self.make_client().invoke(
                FunctionName=self.function_name, InvocationType="Event", Payload=json.dumps(event).encode()
            )
