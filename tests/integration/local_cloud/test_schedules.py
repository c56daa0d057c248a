"""Scheduled rules: fired by the market's time, as they are enabled at that moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parser.models import EventBridgeModel

if TYPE_CHECKING:
    from infra.local.cloud import LocalCloud

    from .conftest import Clients

AT = datetime(2023, 3, 13, 10, 7, 42, tzinfo=UTC)
RULE = "small-minutely"


def switch(cloud: LocalCloud, operation: str) -> None:
    """Enable or disable the rule as a function does it."""
    event = {"service": "events", "operation": operation, "from_environment": {"Name": "RULE"}}
    assert cloud.invoke("RelayFunction", event).function_error is None


def test_a_rule_fires_while_it_is_enabled_and_sends_eventbridges_event(cloud: LocalCloud, client: Clients) -> None:
    assert cloud.fire_schedules(AT) == []
    switch(cloud, "enable_rule")
    assert client("events").describe_rule(Name=RULE)["State"] == "ENABLED"
    assert cloud.fire_schedules(AT) == [RULE]
    cloud.drain(5)
    switch(cloud, "disable_rule")
    assert cloud.fire_schedules(AT) == []


def test_the_event_is_the_one_that_eventbridge_sends(cloud: LocalCloud) -> None:
    received = []
    from infra.local.cloud.schedules import Schedules  # noqa: PLC0415  imports moto, which is slow

    class Service:
        def resolve(self, name: str) -> str:
            return name.rsplit(":", 1)[-1]

        def enqueue(self, name: str, payload: bytes) -> None:
            received.append((name, json.loads(payload)))

    switch(cloud, "enable_rule")
    Schedules(Service(), cloud.region).fire(AT)  # type: ignore[arg-type]  # what a schedule uses of the service
    switch(cloud, "disable_rule")
    ((name, event),) = received
    assert name == "small-probe"
    assert len(event.pop("id")) == 36
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2023-03-13T10:07:42Z",
        "region": "eu-central-1",
        "resources": ["arn:aws:events:eu-central-1:123456789012:rule/small-minutely"],
        "detail": {},
    }
    assert EventBridgeModel.model_validate({**event, "id": "x"}).time == AT
