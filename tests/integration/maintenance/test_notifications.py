"""Users are told: an event of a bot becomes a mail and a signed post, each at least once, each by itself."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from botocore.awsrequest import AWSResponse
from sqlalchemy import text

from tests.fixtures.rows import Owner
from tradebot.bootstrap.aws_clients import lambda_client, ses_client
from tradebot.bootstrap.messages import webhook_secrets
from tradebot.domain.message import NOTIFICATIONS, MessageKind
from tradebot.repositories.outbox import MAX_ATTEMPTS, Message, add_events
from tradebot.repositories.session import session_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from tests.fixtures.webhook_receiver import Receiver
    from tradebot.services.post_webhooks import PostWebhooks

    EngineAs = Callable[[str | None], Engine]
    Maintenance = Callable[[dict[str, Any]], dict[str, Any]]

SALT = "5a17"


class _Raw(io.BytesIO):
    def stream(self, **_: object) -> Any:
        yield self.read()


@dataclass
class World:
    """A user, and what goes between the functions."""

    engine: Engine
    worker: Engine
    maintenance: Maintenance
    owner: Owner
    #: What the sender's function does; None: it fails.
    post: PostWebhooks | None = None
    mails: list[dict[str, Any]] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    def sender(self, request: Any, **_: object) -> AWSResponse:
        """Stand where Lambda stands between maintenance and the sender."""
        assert request.url.endswith("/functions/webhook-sender/invocations")
        event = json.loads(request.body)
        self.posted += event["deliveries"]
        headers: Any = {"X-Amz-Function-Error": "Unhandled"} if self.post is None else {}
        answer = {"errorMessage": "out of memory"} if self.post is None else self.post(event)
        return AWSResponse(request.url, 200, headers, _Raw(json.dumps(answer).encode()))

    def run(self, statement: str, **values: object) -> Any:
        """Run one statement past row level security and return its first column, if it has one."""
        with session_scope(self.engine, None) as session:
            result: Any = session.execute(text(statement), values)
            return result.scalar() if result.returns_rows else None

    def rows(self, columns: str) -> list[Any]:
        """Return columns of the webhooks' messages."""
        query = f"SELECT {columns} FROM outbox WHERE channel = 'webhook' ORDER BY id"
        with session_scope(self.engine, None) as session:
            return list(session.execute(text(query)).all())

    def set_webhook(self, path: str = "/ok", owner: Owner | None = None) -> str:
        """Set a webhook and return its secret."""
        user_id = (owner or self.owner).user_id
        statement = "UPDATE notification_settings SET webhook_url = :url, webhook_salt = :salt WHERE user_id = :id"
        self.run(statement, url=f"https://hooks.example.com{path}", salt=SALT, id=user_id)
        return webhook_secrets().secret_of(user_id, SALT).reveal()

    def happens(self, kind: MessageKind, key: str, *, owner: Owner | None = None, **facts: Any) -> None:
        """Do what a tick does."""
        user_id = (owner or self.owner).user_id
        payload = {"bot_config_id": 7, "bot": "trend", "symbol": "BTCUSDT", **facts}
        with session_scope(self.worker, user_id) as session:
            add_events(session, user_id, [Message(kind, key, payload)])

    def send(self) -> tuple[int, int]:
        """Have maintenance send, and return how many mails and posts went."""
        sent = self.maintenance({"send_mail": True})
        return sent["mails_sent"], sent["webhooks_sent"]


@pytest.fixture
def world(maintenance: Maintenance, migrated_engine: Engine, engine_as: EngineAs) -> World:
    with session_scope(migrated_engine, None) as session:
        owner = Owner(session)
        session.execute(text("DELETE FROM outbox"))
    made = World(migrated_engine, engine_as("app_worker"), maintenance, owner)
    sender: Any = made.sender
    lambda_client().meta.events.register_first("before-send.lambda.Invoke", sender)

    def note(params: dict[str, Any], **_: object) -> None:
        made.mails.append(json.loads(params["body"])["Content"]["Simple"])

    ses_client().meta.events.register("before-call.sesv2.SendEmail", note)
    return made


def test_an_event_is_mailed_and_posted_once_each_however_often_it_is_told(world: World, receiver: Receiver) -> None:
    receiver.knows(world.set_webhook())
    world.post = receiver.poster()
    for expected in ((1, 1), (0, 0)):
        world.happens(MessageKind.STOP_FIRED, "stop:1", quantity="0.01", price="20000", reason="stop_loss")
        assert world.send() == expected
    ((message_id, attempts),) = world.rows("message_id, attempts")
    assert attempts == 1
    ((path, host, verified, body),) = receiver.received()
    assert (path, host, verified) == ("/ok", "hooks.example.com", str(message_id))
    assert (body["id"], body["type"], body["data"]["symbol"]) == (verified, "stop_fired", "BTCUSDT")
    (mail,) = world.mails
    assert mail["Subject"]["Data"] == body["subject"] == "Bot 7 (trend): its stop fired"
    assert body["text"] in mail["Body"]["Text"]["Data"]
    assert str(message_id) in mail["Body"]["Text"]["Data"], "one event, one id"
    assert world.run("SELECT webhook_delivered_at IS NOT NULL FROM notification_settings")


def test_what_did_not_arrive_comes_again_under_its_id_and_is_given_up_with_a_note(
    world: World, receiver: Receiver
) -> None:
    receiver.knows(world.set_webhook("/fail"))
    world.post = receiver.poster()
    for key in ("stuck:1", "stuck:2"):
        world.happens(MessageKind.ORDER_STUCK, key)
    assert world.send() == (2, 0)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        waits = world.rows("attempts, extract(epoch FROM next_attempt_at - now()) / 60 AS minutes")
        assert [row.attempts for row in waits] == [attempt] * 2
        assert all(2**attempt - 1 < row.minutes <= 2**attempt for row in waits)
        assert world.send() == (int(attempt == MAX_ATTEMPTS), 0), "not before its time"
        world.run("UPDATE outbox SET next_attempt_at = now() WHERE sent_at IS NULL")
        assert world.send() == (0, 0)
    verified = [one[2] for one in receiver.received()]
    assert len(verified) == 2 * MAX_ATTEMPTS
    assert {UUID(one) for one in verified} == {row.message_id for row in world.rows("message_id")}
    assert [mail["Subject"]["Data"] for mail in world.mails][2:] == ["Your webhook does not take its messages"]
    assert world.run("SELECT webhook_error FROM notification_settings") == "The host answered 500."


def test_one_that_hangs_and_floods_keeps_nobody_elses_message_up(world: World, receiver: Receiver) -> None:
    with session_scope(world.engine, None) as session:
        other = Owner(session)
        session.execute(text("DELETE FROM outbox"))
    world.set_webhook("/hang")
    receiver.knows(world.set_webhook(owner=other))
    world.post = receiver.poster(total_seconds=0.3)
    for number in range(12):
        world.happens(MessageKind.STOP_FIRED, f"stop:{number}")
    world.happens(MessageKind.STOP_FIRED, "other", owner=other)
    assert world.send() == (13, 1)
    first_batch = [one["url"].rsplit("/", 1)[1] for one in world.posted[:6]]
    assert sorted(first_batch) == ["hang"] * 5 + ["ok"]
    assert [row.event_key for row in world.rows("event_key, sent_at") if row.sent_at] == ["other"]


def test_where_the_sender_itself_fails_everything_is_tried_again(world: World, receiver: Receiver) -> None:
    receiver.knows(world.set_webhook())
    world.happens(MessageKind.KEY_REFUSED, "key:1", reason="It may withdraw.")
    assert world.send() == (1, 0)
    world.post = receiver.poster()
    world.run("UPDATE outbox SET next_attempt_at = now() WHERE sent_at IS NULL")
    assert world.send() == (0, 1)
    assert world.posted[0]["id"] == world.posted[1]["id"]


@pytest.mark.parametrize(("off", "sent"), [("mail", (1, 2)), ("webhook", (2, 1))])
def test_what_its_user_switched_off_is_not_sent(
    world: World, receiver: Receiver, off: str, sent: tuple[int, int]
) -> None:
    receiver.knows(world.set_webhook())
    world.post = receiver.poster()
    world.run(f"UPDATE notification_settings SET {off}_off = '{{stop_fired}}'")
    world.happens(MessageKind.STOP_FIRED, "stop:1")
    world.happens(MessageKind.PAUSED_BY_LIMIT, "paused:1")
    assert world.send() == sent
    assert world.run("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == 0


def test_who_never_chose_is_told_everything_by_mail_alone(world: World) -> None:
    world.run("DELETE FROM notification_settings")
    for kind in NOTIFICATIONS:
        world.happens(kind, f"any:{kind}")
    assert world.send() == (len(NOTIFICATIONS), 0)
    assert world.posted == []
    assert all(mail["Subject"]["Data"] for mail in world.mails)
