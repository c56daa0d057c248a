"""What maintenance does for users under its own role: mail at least once, and the end of what has expired."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, text

from tests.fixtures.rows import Owner, table, valid_row
from tradebot.errors import CloudUnavailableError
from tradebot.observability import metrics
from tradebot.repositories.outbox import MAX_ATTEMPTS
from tradebot.repositories.purges import purge_expired
from tradebot.repositories.session import session_scope
from tradebot.security.one_time_tokens import token_hash
from tradebot.services.send_mail import SendMail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    EngineAs = Callable[[str | None], Engine]


class Post:
    """Takes mail, or does not."""

    def __init__(self) -> None:
        self.is_down = False
        self.sent: list[tuple[str, str]] = []

    def send(self, *, to: str, subject: str, body: str) -> None:
        assert subject
        if self.is_down:
            raise CloudUnavailableError("The mail service does not answer as it should; try again in a moment.")
        self.sent.append((to, body))


@pytest.fixture(autouse=True)
def _no_metrics() -> Iterator[None]:
    yield
    metrics().clear_metrics()


@pytest.fixture
def user_id(migrated_engine: Engine) -> int:
    """A user without any message."""
    with session_scope(migrated_engine, None) as session:
        return int(
            session.execute(
                insert(table("users"))
                .values(valid_row("users", email="user@example.com"))
                .returning(table("users").c.id)
            ).scalar_one()
        )


def add(engine: Engine, user_id: int, kind: str, count: int = 1) -> None:
    with session_scope(engine, None) as session:
        for _ in range(count):
            session.execute(insert(table("outbox")).values(valid_row("outbox", user_id=user_id, kind=kind)))


def value(engine: Engine, statement: str) -> object:
    with session_scope(engine, None) as session:
        return session.execute(text(statement)).scalar()


def test_a_token_rests_as_its_digest_alone_and_is_made_when_it_is_sent(
    migrated_engine: Engine, engine_as: EngineAs, user_id: int
) -> None:
    post = Post()
    for kind, column in (("reset_password", "reset_token"), ("verify_address", "verification_token")):
        add(migrated_engine, user_id, kind)
        assert value(migrated_engine, f"SELECT {column} FROM users") is None
        assert SendMail(partial(session_scope, engine_as("app_maintenance")), post)() == 1
        to, body = post.sent[-1]
        found = re.search(r"^[\w-]{43}$", body, re.MULTILINE)
        assert found
        assert to == "user@example.com"
        assert value(migrated_engine, f"SELECT {column} FROM users") == token_hash(found.group(0))
    assert value(migrated_engine, "SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL AND payload = '{}'") == 2


def test_mail_that_does_not_leave_is_tried_again_later_and_not_for_ever(
    migrated_engine: Engine, engine_as: EngineAs, user_id: int
) -> None:
    post = Post()
    send = SendMail(partial(session_scope, engine_as("app_maintenance")), post)
    add(migrated_engine, user_id, "password_changed")
    post.is_down = True
    for _ in range(MAX_ATTEMPTS + 2):
        assert send() == 0
        assert value(migrated_engine, "SELECT next_attempt_at > now() + interval '1 minute' FROM outbox")
        assert send() == 0
        with session_scope(migrated_engine, None) as session:
            session.execute(text("UPDATE outbox SET next_attempt_at = now() - interval '1 second'"))
        if value(migrated_engine, "SELECT attempts FROM outbox") == MAX_ATTEMPTS:
            break
    post.is_down = False
    assert send() == 0
    assert "mail service" in str(value(migrated_engine, "SELECT last_error FROM outbox"))
    with session_scope(migrated_engine, None) as session:
        session.execute(text("UPDATE outbox SET attempts = 1"))
    assert send() == 1
    assert value(migrated_engine, "SELECT last_error FROM outbox") is None


def test_of_several_that_send_at_once_each_message_is_sent_by_one(
    migrated_engine: Engine, engine_as: EngineAs, user_id: int
) -> None:
    add(migrated_engine, user_id, "password_changed", 60)
    posts = [Post() for _ in range(4)]
    senders = [SendMail(partial(session_scope, engine_as("app_maintenance")), post) for post in posts]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda send: send(), senders)) == 60
    assert sum(len(post.sent) for post in posts) == 60


def test_a_kind_that_is_no_mail_is_left_to_others(migrated_engine: Engine, engine_as: EngineAs, user_id: int) -> None:
    add(migrated_engine, user_id, "something_else")
    assert SendMail(partial(session_scope, engine_as("app_maintenance")), Post())() == 0
    assert value(migrated_engine, "SELECT attempts FROM outbox") == 0


def test_what_has_expired_goes_and_nothing_else_does(migrated_engine: Engine, engine_as: EngineAs) -> None:
    with session_scope(migrated_engine, None) as session:
        old, new, never = Owner(session), Owner(session), Owner(session)
        session.execute(text("UPDATE users SET verified_at = now() WHERE id <> :id"), {"id": never.user_id})
        session.execute(
            text("UPDATE users SET created_at = now() - interval '8 days' WHERE id IN (:a, :b)"),
            {"a": old.user_id, "b": never.user_id},
        )
        session.execute(text("UPDATE refresh_tokens SET family_expires_at = 'infinity'"))
        for statement in (
            "UPDATE refresh_tokens SET family_expires_at = expires_at WHERE user_id = :id",
            "UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE user_id = :id",
            "UPDATE outbox SET created_at = now() - interval '31 days' WHERE user_id = :id",
        ):
            session.execute(text(statement), {"id": old.user_id})
        session.execute(
            text("INSERT INTO throttles (key, began_at) VALUES ('old', now() - interval '2 hours'), ('new', now())")
        )
    with session_scope(engine_as("app_maintenance"), None) as session:
        assert purge_expired(session) == {
            "refresh_tokens": 1,
            "idempotency_keys": 1,
            "throttles": 1,
            "outbox": 1,
            "users": 1,
        }
    with session_scope(migrated_engine, None) as session:
        left = set(session.execute(text("SELECT id FROM users")).scalars())
        assert left == {old.user_id, new.user_id}
        for name in ("refresh_tokens", "idempotency_keys", "outbox"):
            assert set(session.execute(text(f"SELECT user_id FROM {name}")).scalars()) == {new.user_id}
        assert session.execute(text("SELECT key FROM throttles")).scalars().all() == ["new"]
