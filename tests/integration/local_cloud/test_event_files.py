"""The event files under tests/events are what their sources send: `make invoke` and `sam local invoke` take them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventV2Model, EventBridgeModel
from pydantic import AwareDatetime, BaseModel, ConfigDict, PositiveInt

from infra.local.cloud.schedules import scheduled_event
from infra.local.cloud.translate import transformed
from infra.local.invoke import EVENTS, available_events
from infra.local.state import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


class DueBot(BaseModel):
    """What the dispatcher sends."""

    model_config = ConfigDict(extra="forbid")
    bot_config_id: PositiveInt
    user_id: PositiveInt
    tick_at: AwareDatetime


class KeyToCheck(BaseModel):
    """What the API asks to be checked."""

    model_config = ConfigDict(extra="forbid")
    api_key_id: PositiveInt
    user_id: PositiveInt


class CheckKey(BaseModel):
    """What the API sends."""

    model_config = ConfigDict(extra="forbid")
    check_key: KeyToCheck


class BotToClose(BaseModel):
    """Whose position the API wants closed."""

    model_config = ConfigDict(extra="forbid")
    bot_config_id: PositiveInt
    user_id: PositiveInt


class ClosePosition(BaseModel):
    """What the API sends."""

    model_config = ConfigDict(extra="forbid")
    close_position: BotToClose


class Switch(BaseModel):
    """What an operator says."""

    model_config = ConfigDict(extra="forbid")
    on: bool
    by: str
    reason: str


class KillSwitch(BaseModel):
    """What an operator sends."""

    model_config = ConfigDict(extra="forbid")
    kill_switch: Switch


class Bound(BaseModel):
    """How much of a rotation."""

    model_config = ConfigDict(extra="forbid")
    most: PositiveInt = 1


class Rotate(BaseModel):
    """What an operator sends."""

    model_config = ConfigDict(extra="forbid")
    rotate: Bound


class Migrate(BaseModel):
    """What a deployment sends."""

    model_config = ConfigDict(extra="forbid")
    revision: str = "head"


SOURCES: dict[str, type[BaseModel]] = {
    "api": APIGatewayProxyEventV2Model,
    "dispatcher": EventBridgeModel,
    "maintenance": EventBridgeModel,
    "bot_runner/due_bot": DueBot,
    "bot_runner/check_key": CheckKey,
    "bot_runner/close_position": ClosePosition,
    "maintenance/kill_switch": KillSwitch,
    "maintenance/rotate": Rotate,
    "migrate": Migrate,
}


def files() -> list[Path]:
    functions = {name.split("/")[0] for name in SOURCES}
    return sorted(path for path in EVENTS.glob("*/*.json") if path.parent.name in functions)


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_file_is_a_valid_event_of_its_source(path: Path) -> None:
    event = json.loads(path.read_text())
    source = SOURCES.get(f"{path.parent.name}/{path.stem}") or SOURCES[path.parent.name]
    source.model_validate(event)


def test_every_function_of_the_template_has_an_event_and_every_event_a_function() -> None:
    functions: dict[str, Any] = transformed(REPOSITORY / "template.yaml")
    # The folder is the key that the code would have been uploaded under, from CamelCase to the folder's name.
    ids = {name for name, resource in functions.items() if resource["Type"] == "AWS::Lambda::Function"}
    folders = {"".join(word.capitalize() for word in name.split("_")) + "Function" for name in available_events()}
    assert folders == ids
    assert all(available_events().values())


@pytest.mark.parametrize("function", ["dispatcher", "maintenance"])
def test_the_scheduled_events_are_those_that_the_local_rules_send(function: str) -> None:
    events = [json.loads(path.read_text()) for path in (EVENTS / function).glob("*.json")]
    (event,) = [event for event in events if "detail-type" in event]
    at = datetime.fromisoformat(event["time"]).astimezone(UTC)
    assert {**scheduled_event(event["resources"][0], event["region"], at), "id": event["id"]} == event
