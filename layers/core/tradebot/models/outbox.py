"""What users are to be told, written in the transaction in which it became true and sent later."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt, Id, known_values, one_of
from tradebot.models.enums import MessageKind


class OutboxMessage(Base):
    """One message to one user."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "user_id"),
        # The sender's question: what waits, oldest first?
        Index("ix_outbox_unsent", "id", postgresql_where="sent_at IS NULL"),
        known_values("kind", MessageKind),
        CheckConstraint("attempts >= 0", name="attempts_not_negative"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[MessageKind] = mapped_column(one_of(MessageKind))
    #: Names the event: told twice, it is one row.
    event_key: Mapped[str] = mapped_column(String(120), unique=True)
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str | None] = mapped_column(Text)
