"""What users are to be told. Whoever does something for a user adds its message in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.models import OutboxMessage, User

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from tradebot.domain.message import MessageKind
    from tradebot.repositories.pages import Record

#: A message that failed so often stays, with its error, and is not tried again.
MAX_ATTEMPTS = 10
_UNSYNCHRONISED = {"synchronize_session": False}


def add_message(session: Session, user_id: int, kind: str, payload: Mapping[str, Any] | None = None) -> None:
    """Add a message to the user. To one who is not there it adds nothing, with the same statement."""
    values = select(User.id, literal(kind, String), cast(payload or {}, JSONB)).where(User.id == user_id)
    session.execute(insert(OutboxMessage).inline().from_select(("user_id", "kind", "payload"), values))


@dataclass(frozen=True, slots=True)
class Message:
    """What a user is told of an event. `event_key` names it: told twice, it is one message."""

    kind: MessageKind
    event_key: str
    payload: dict[str, Any]


def add_events(session: Session, user_id: int, messages: Sequence[Message]) -> None:
    """Add messages of events that are not told yet."""
    if messages:
        rows = [
            {"user_id": user_id, "kind": one.kind.value, "event_key": one.event_key, "payload": one.payload}
            for one in messages
        ]
        # Without naming the key: the role that writes messages may not read them.
        session.execute(upsert(OutboxMessage).values(rows).on_conflict_do_nothing())


def claim_messages(session: Session, kinds: Sequence[str], *, limit: int) -> Sequence[Record]:
    """Return id, user_id, kind and payload of messages that are due, and keep others from sending them for a while.

    Each attempt doubles the wait, from two minutes to an hour and more.
    """
    due = (
        select(OutboxMessage.id)
        .where(
            OutboxMessage.sent_at.is_(None),
            OutboxMessage.next_attempt_at <= func.now(),
            OutboxMessage.attempts < MAX_ATTEMPTS,
            OutboxMessage.kind.in_(kinds),
        )
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    wait = func.make_interval(0, 0, 0, 0, 0, cast(func.power(2, OutboxMessage.attempts + 1), OutboxMessage.id.type))
    return session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(due.scalar_subquery()))
        .values(attempts=OutboxMessage.attempts + 1, next_attempt_at=func.now() + wait)
        .returning(OutboxMessage.id, OutboxMessage.user_id, OutboxMessage.kind, OutboxMessage.payload),
        execution_options=_UNSYNCHRONISED,
    ).all()


def mark_sent(session: Session, message_id: int) -> None:
    """Note that the message is on its way."""
    session.execute(
        update(OutboxMessage).where(OutboxMessage.id == message_id).values(sent_at=func.now(), last_error=None),
        execution_options=_UNSYNCHRONISED,
    )


def mark_failed(session: Session, message_id: int, error: str) -> None:
    """Note why the message did not leave; it is tried again when its wait is over."""
    session.execute(
        update(OutboxMessage).where(OutboxMessage.id == message_id).values(last_error=error[:500]),
        execution_options=_UNSYNCHRONISED,
    )
