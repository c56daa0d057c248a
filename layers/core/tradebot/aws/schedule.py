"""Switches the rule that fires the dispatcher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tradebot.cloud_calls import calling

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_events import EventBridgeClient


class TickSchedule(Protocol):
    """The rule that fires every minute while a bot is active."""

    def enable(self) -> None:
        """Let it fire."""
        ...

    def disable(self) -> None:
        """Let it rest: nothing runs, nothing is billed."""
        ...


@dataclass(frozen=True, slots=True)
class EventBridgeTickSchedule:
    """events:EnableRule and events:DisableRule, both idempotent."""

    make_client: Callable[[], EventBridgeClient]
    rule_name: str

    def enable(self) -> None:
        """Let it fire."""
        with calling("The schedule"):
            self.make_client().enable_rule(Name=self.rule_name)

    def disable(self) -> None:
        """Let it rest: nothing runs, nothing is billed."""
        with calling("The schedule"):
            self.make_client().disable_rule(Name=self.rule_name)
