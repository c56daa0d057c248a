"""Maintenance over real Postgres, under its own role."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

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
    maintenance = RunMaintenance(partial(session_scope, engine_as("app_maintenance")), mailbox)
    assert maintenance() == 2
    assert mailbox.events == [keys["never"], keys["yesterday"]]
    metrics().clear_metrics()
