"""Messages to users, written beside what they tell of. Who sends them reads them later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.models import OutboxMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tradebot.models import MessageKind


@dataclass(frozen=True, slots=True)
class Message:
    """What a user is told. `event_key` names the event: told twice, it is one message."""

    kind: MessageKind
    event_key: str
    payload: dict[str, Any]


def insert_messages(session: Session, user_id: int, messages: Sequence[Message]) -> None:
    """Store messages that are not stored yet."""
    if messages:
        session.execute(
            upsert(OutboxMessage)
            .values(
                [
                    {"user_id": user_id, "kind": one.kind, "event_key": one.event_key, "payload": one.payload}
                    for one in messages
                ]
            )
            .on_conflict_do_nothing(index_elements=[OutboxMessage.event_key])
        )
