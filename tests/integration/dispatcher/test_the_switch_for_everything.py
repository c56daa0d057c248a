"""The operator's switch: set and taken back through maintenance, under its own role, and never half."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from infra.local.kill_switch import command
from tradebot.errors import InvalidInputError
from tradebot.observability import metrics
from tradebot.repositories.session import session_scope
from tradebot.services.switch_platform import SwitchPlatform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine


@pytest.fixture
def switch(engine_as: Callable[[str | None], Engine]) -> Iterator[SwitchPlatform]:
    yield SwitchPlatform(partial(session_scope, engine_as("app_maintenance")))
    metrics().clear_metrics()


def row(engine: Engine) -> Any:
    with session_scope(engine, None) as session:
        return session.execute(
            text("SELECT kill_switch_at IS NOT NULL, kill_switch_by, kill_switch_reason FROM platform_switches")
        ).one()


def test_it_is_set_with_who_and_why_and_taken_back(switch: SwitchPlatform, migrated_engine: Engine) -> None:
    answer = switch(command(is_on=True, by="ada", reason="the exchange misbehaves")["kill_switch"])
    assert (answer["is_on"], answer["by"], answer["reason"]) == (True, "ada", "the exchange misbehaves")
    assert tuple(row(migrated_engine)) == (True, "ada", "the exchange misbehaves")
    again = switch(command(is_on=True, by="bo", reason="still")["kill_switch"])
    assert (again["at"], again["by"]) == (answer["at"], "bo")
    for _ in range(2):
        assert switch(command(is_on=False, by="ada", reason="")["kill_switch"])["is_on"] is False
    assert tuple(row(migrated_engine)) == (False, None, None)


@pytest.mark.parametrize(
    "half",
    [
        {},
        {"on": 1, "by": "ada", "reason": "x"},
        {"on": "true", "by": "ada", "reason": "x"},
        {"on": True},
        {"on": True, "by": "ada"},
        {"on": True, "by": "ada", "reason": "  "},
        {"on": True, "by": "", "reason": "x"},
        {"on": True, "by": "ada", "reason": "x" * 201},
        {"on": True, "by": 7, "reason": "x"},
    ],
    ids=str,
)
def test_a_command_that_is_not_complete_changes_nothing(
    switch: SwitchPlatform, migrated_engine: Engine, half: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInputError):
        switch(half)
    assert tuple(row(migrated_engine)) == (False, None, None)
