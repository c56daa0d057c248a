"""What users are to be told. Whoever does something for a user adds its message in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import String, cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.domain.message import Channel
from tradebot.models import OutboxMessage, User

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from tradebot.domain.message import MessageKind

#: A message that failed so often stays, with its error, and is not tried again.
MAX_ATTEMPTS = 10
_UNSYNCHRONISED = {"synchronize_session": False}


def add_message(session: Session, user_id: int, kind: str, payload: Mapping[str, Any] | None = None) -> None:
    """Add a mail to the user. To one who is not there it adds nothing, with the same statement."""
    values = select(User.id, literal(kind, String), cast(payload or {}, JSONB)).where(User.id == user_id)
    session.execute(insert(OutboxMessage).inline().from_select(("user_id", "kind", "payload"), values))


@dataclass(frozen=True, slots=True)
class Message:
    """What a user is told of an event. `event_key` names it: told twice, it is one message."""

    kind: MessageKind
    event_key: str
    payload: dict[str, Any]
    message_id: UUID = field(default_factory=uuid4)


class Outgoing(NamedTuple):
    """A message that is to be sent now."""

    id: int
    user_id: int
    kind: str
    payload: dict[str, Any]
    message_id: UUID
    created_at: datetime
    #: This one included.
    attempts: int


def add_events(
    session: Session, user_id: int, messages: Sequence[Message], *, channels: Collection[Channel] = tuple(Channel)
) -> None:
    """Add messages of events that are not told yet, for each channel; what is switched off is seen when it is sent."""
    if messages:
        rows = [
            {
                "user_id": user_id,
                "kind": one.kind.value,
                "event_key": one.event_key,
                "payload": one.payload,
                "message_id": one.message_id,
                "channel": channel,
            }
            for one in messages
            for channel in channels
        ]
        # Without naming the key: the role that writes messages may not read them.
        session.execute(upsert(OutboxMessage).values(rows).on_conflict_do_nothing())


def claim_messages(
    session: Session, channel: Channel, kinds: Sequence[str], *, limit: int, most_of_one_user: int
) -> list[Outgoing]:
    """Return messages that are due, and keep others from sending them for a while.

    Each attempt doubles the wait, from two minutes to half a day and more.
    """
    is_due = (
        OutboxMessage.sent_at.is_(None),
        OutboxMessage.next_attempt_at <= func.now(),
        OutboxMessage.attempts < MAX_ATTEMPTS,
        OutboxMessage.channel == channel,
        OutboxMessage.kind.in_(kinds),
    )
    place = func.row_number().over(
        partition_by=OutboxMessage.user_id, order_by=(OutboxMessage.next_attempt_at, OutboxMessage.id)
    )
    placed = select(OutboxMessage.id, place.label("place")).where(*is_due).subquery()
    due = (
        select(OutboxMessage.id)
        # Asked again of the row that is locked: another one may have claimed it since.
        .where(*is_due, OutboxMessage.id.in_(select(placed.c.id).where(placed.c.place <= most_of_one_user)))
        .order_by(OutboxMessage.next_attempt_at, OutboxMessage.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    wait = func.make_interval(0, 0, 0, 0, 0, cast(func.power(2, OutboxMessage.attempts + 1), OutboxMessage.id.type))
    claimed = session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id.in_(due.scalar_subquery()))
        .values(attempts=OutboxMessage.attempts + 1, next_attempt_at=func.now() + wait)
        .returning(*(getattr(OutboxMessage, name) for name in Outgoing._fields)),
        execution_options=_UNSYNCHRONISED,
    )
    return [Outgoing(*row) for row in claimed]


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
