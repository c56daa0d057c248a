"""What users are to be told: written in the transaction of what happened, sent afterwards, at least once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.domain.message import Channel
from tradebot.models.base import Base, CreatedAt, Id, known_values, one_of


class OutboxMessage(Base):
    """One message by one channel. It holds no token: those are made when it is sent."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "user_id"),
        Index("ix_outbox_unsent", "next_attempt_at", "id", postgresql_where="sent_at IS NULL"),
        CheckConstraint("kind ~ '^[a-z_]+$'", name="kind_shape"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
        UniqueConstraint("event_key", "channel", name="uq_outbox_event_key_channel"),
        known_values("channel", Channel),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(60))
    channel: Mapped[Channel] = mapped_column(one_of(Channel, 16), server_default=Channel.MAIL.value)
    #: The same over all tries, and for all channels of one event: by it a receiver knows what it has had.
    message_id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    #: Names what happened, where it could be told twice: it is one message of a channel.
    event_key: Mapped[str | None] = mapped_column(String(120))
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[CreatedAt]
    #: Whoever sends it moves this ahead first, so that no other one sends it at the same time.
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
