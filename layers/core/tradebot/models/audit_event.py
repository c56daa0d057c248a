"""The audit log: who did what to which object, from where. Append-only by grants."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, desc, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt, Id


class AuditEvent(Base):
    """One thing that was done in a user's account."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_user_id_created_at", "user_id", desc("created_at"), desc("id")),
        # The words are the product's (`tradebot.domain.audit`): a new one needs no migration.
        CheckConstraint("action ~ '^[a-z_]+[.][a-z_]+$'", name="action_shape"),
        CheckConstraint("(object_type IS NULL) = (object_id IS NULL)", name="object_has_type_and_id"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    #: `bot.started`, `api_key.deleted`, ...
    action: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str | None] = mapped_column(String(40))
    #: No foreign key: the event outlives its object.
    object_id: Mapped[int | None]
    #: The client's address as the gateway saw it; null where the platform acted by itself.
    source: Mapped[str | None] = mapped_column(String(45))
    #: Of a change: what it was before and after. Never a secret.
    details: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[CreatedAt]
