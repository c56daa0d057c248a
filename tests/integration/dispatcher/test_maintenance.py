"""Maintenance over real Postgres, under its own role."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, insert, select, text

from tests.fixtures.rows import Owner
from tradebot.aws.workflow import Execution
from tradebot.models import ApiKey, Backtest, User
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


class Executions:
    """Knows how executions stand."""

    def __init__(self, **known: Execution) -> None:
        self.known = known

    def start(self, name: str, given: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def stop(self, name: str, cause: str) -> None:
        raise NotImplementedError

    def describe(self, name: str) -> Execution | None:
        return self.known.get(name)


def _send_nothing() -> int:
    return 0


#: There is nothing to send here, by mail or webhook.
no_mail: Any = _send_nothing


def _rotate_nothing(*, is_started: bool) -> None:
    assert not is_started


#: And no rotation under way.
no_rotation: Any = _rotate_nothing


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
    RunMaintenance(
        partial(session_scope, engine_as("app_maintenance")),
        Mailbox(),
        schedule,
        Executions(),
        no_mail,
        no_mail,
        no_rotation,
    )()
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
    maintenance = RunMaintenance(
        partial(session_scope, engine_as("app_maintenance")),
        mailbox,
        schedule,
        Executions(),
        no_mail,
        no_mail,
        no_rotation,
    )
    assert maintenance() == 2
    assert mailbox.events == [keys["never"], keys["yesterday"]]
    assert schedule.calls == []
    metrics().clear_metrics()


def test_backtests_whose_execution_ended_badly_or_never_was_say_why(
    migrated_engine: Engine, engine_as: Callable[[str | None], Engine]
) -> None:
    executions = Executions(
        running=Execution("RUNNING", "", ""),
        late=Execution("TIMED_OUT", "", ""),
        broken=Execution("FAILED", "States.DataLimitExceeded", "too much"),
        stopped=Execution("ABORTED", "", "stopped by an operator"),
        throttled=Execution("FAILED", "ExchangeThrottledError", '{"errorMessage": "the exchange limits our requests"}'),
    )
    with session_scope(migrated_engine, None) as session:
        owner = Owner(session)
        session.execute(delete(Backtest))
        session.execute(text("DELETE FROM outbox"))
        names = [*executions.known, "never", "young"]
        for name in names:
            owner.insert("backtests", user_id=owner.user_id, status="running", execution_name=name)
        session.execute(
            text("UPDATE backtests SET created_at = now() - interval '3 min' WHERE execution_name <> 'young'")
        )
    RunMaintenance(
        partial(session_scope, engine_as("app_maintenance")),
        Mailbox(),
        Schedule(),
        executions,
        no_mail,
        no_mail,
        no_rotation,
    )()
    metrics().clear_metrics()
    with session_scope(migrated_engine, None) as session:
        rows = session.execute(select(Backtest.execution_name, Backtest.status, Backtest.error_message)).all()
        mailed = session.execute(text("SELECT payload ->> 'reason' FROM outbox WHERE channel = 'mail'")).scalars().all()
    said = {name: error or "" for name, status, error in rows if status == "failed"}
    assert {name for name, status, _ in rows if status == "running"} == {"running", "young"}
    assert "shorter span" in said["late"]
    assert "went wrong on our side" in said["broken"]
    assert "went wrong on our side" in said["stopped"]
    assert said["throttled"].startswith("The exchange limits our requests. Start it again")
    assert "interrupted" in said["never"]
    assert sorted(mailed) == sorted(said.values()), "each user is told what the row says"
