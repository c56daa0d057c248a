"""Maintenance over real Postgres, under its own role."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, text

from tests.fixtures.rows import Owner
from tradebot.models import ApiKey, User
from tradebot.observability import metrics
from tradebot.repositories.session import session_scope
from tradebot.services.run_maintenance import RunMaintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Engine


class Mailbox:
    """Takes events as bot_runner's queue does."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []

    def invoke(self, event: Mapping[str, Any]) -> None:
        self.events.append(event)


class Schedule:
    """Notes what is asked of the rule."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def enable(self) -> None:
        self.calls.append("enable")

    def disable(self) -> None:
        self.calls.append("disable")


@pytest.mark.parametrize(("next_run_at", "calls"), [("1970-01-01T00:00:00Z", ["enable"]), (None, [])])
def test_the_rule_fires_again_while_a_bot_is_scheduled_and_only_then(
    migrated_engine: Engine,
    engine_as: Callable[[str | None], Engine],
    next_run_at: str | None,
    calls: list[str],
) -> None:
    with session_scope(migrated_engine, None) as session:
        Owner(session)
        session.execute(text("UPDATE bot_states SET next_run_at = CAST(:at AS timestamptz)"), {"at": next_run_at})
    schedule = Schedule()
    RunMaintenance(partial(session_scope, engine_as("app_maintenance")), Mailbox(), schedule, lambda: 0)()  # type: ignore[arg-type]  # nothing to send
    assert schedule.calls == calls
    metrics().clear_metrics()


def test_keys_that_were_not_checked_for_a_day_are_checked_again_those_never_checked_first(
    migrated_engine: Engine, engine_as: Callable[[str | None], Engine]
) -> None:
    with session_scope(migrated_engine, None) as session:
        keys = {}
        for name, age in {"yesterday": "25 hours", "today": "23 hours", "never": None}.items():
            user = session.scalars(
                insert(User).values(email=f"{name}@example.com", hashed_password="x").returning(User.id)
            ).one()
            sealed = dict.fromkeys(("encrypted_api_key", "encrypted_secret_key", "encrypted_data_key"), "x")
            key = session.scalars(
                insert(ApiKey).values(user_id=user, key_hint="abcd", **sealed).returning(ApiKey.id)
            ).one()
            keys[name] = {"check_key": {"api_key_id": key, "user_id": user}}
            if age is not None:
                session.execute(
                    text("UPDATE api_keys SET checked_at = now() - CAST(:age AS interval) WHERE id = :key"),
                    {"age": age, "key": key},
                )
    mailbox = Mailbox()
    schedule = Schedule()
    maintenance = RunMaintenance(partial(session_scope, engine_as("app_maintenance")), mailbox, schedule, lambda: 0)  # type: ignore[arg-type]  # nothing to send
    assert maintenance() == 2
    assert mailbox.events == [keys["never"], keys["yesterday"]]
    assert schedule.calls == []
    metrics().clear_metrics()
