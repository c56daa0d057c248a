"""What users are to be told: written in the transaction of what happened, sent afterwards, at least once."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt, Id


class OutboxMessage(Base):
    """One message. It holds no token: those are made when it is sent."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "user_id"),
        Index("ix_outbox_unsent", "next_attempt_at", "id", postgresql_where="sent_at IS NULL"),
        CheckConstraint("kind ~ '^[a-z_]+$'", name="kind_shape"),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(60))
    #: Names what happened, where it could be told twice: it is one message.
    event_key: Mapped[str | None] = mapped_column(String(120), unique=True)
    payload: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[CreatedAt]
    #: Whoever sends it moves this ahead first, so that no other one sends it at the same time.
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)
