"""The rules' clock: fires each scheduled rule that is enabled at that moment, by whatever time the market has."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.events.models import events_backends

from infra.local.cloud import schedule_expression
from infra.local.cloud.deploy import may_invoke
from infra.local.cloud.functions import ACCOUNT_ID
from infra.local.cloud.translate import TemplateError

if TYPE_CHECKING:
    from infra.local.cloud.lambda_service import LambdaService

Json = dict[str, Any]
logger = logging.getLogger(__name__)


def scheduled_event(rule_arn: str, region: str, at: datetime) -> Json:
    """Return what EventBridge sends for a scheduled rule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [rule_arn],
        "detail": {},
    }


class Schedules:
    """The scheduled rules of moto's default event bus, as they are when they are asked for."""

    def __init__(self, service: LambdaService, region: str) -> None:
        self._service = service
        self._region = region
        self._parsed: dict[str, schedule_expression.Schedule] = {}
        self._check()

    def _rules(self) -> list[Any]:
        bus = events_backends[ACCOUNT_ID][self._region].event_buses["default"]
        return [rule for rule in list(bus.rules.values()) if rule.scheduled_expression]

    def _check(self) -> None:
        """Find what could never fire before anybody waits for it."""
        for rule in self._rules():
            try:
                self._schedule(rule)
            except schedule_expression.ScheduleError as error:
                raise TemplateError(f"the rule {rule.name}: {error}") from error
            for target in rule.targets:
                self._check_target(rule, target)

    def _check_target(self, rule: Any, target: Json) -> None:
        if ":lambda:" not in target["Arn"]:
            raise TemplateError(f"the rule {rule.name}: only functions are carried out as targets, not {target['Arn']}")
        if "InputTransformer" in target or "InputPath" in target:
            raise TemplateError(f"the rule {rule.name}: of a target's input only a constant `Input` is carried out")
        name = self._service.resolve(target["Arn"])
        if not may_invoke(name, self._region, principal="events.amazonaws.com", source_arn=rule.arn):
            raise TemplateError(f"the rule {rule.name} may not invoke {name}: an AWS::Lambda::Permission is missing")

    def _schedule(self, rule: Any) -> schedule_expression.Schedule:
        expression = rule.scheduled_expression
        if expression not in self._parsed:
            self._parsed[expression] = schedule_expression.parse(expression)
        return self._parsed[expression]

    def fire(self, at: datetime) -> list[str]:
        """Send the events that are due in the minute `at`; return the names of the rules that fired."""
        fired = []
        for rule in self._rules():
            if rule.state != "ENABLED" or not self._schedule(rule).fires_at(at):
                continue
            fired.append(rule.name)
            event = scheduled_event(rule.arn, self._region, at)
            for target in rule.targets:
                payload = target["Input"].encode() if "Input" in target else json.dumps(event).encode()
                self._service.enqueue(self._service.resolve(target["Arn"]), payload)
        return fired
