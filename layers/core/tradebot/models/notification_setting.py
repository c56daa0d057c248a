"""How a user wants to be told: what by which channel, and the webhook."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, Id


class NotificationSetting(Base):
    """A user's choices. Without a row, everything is mailed and nothing posted."""

    __tablename__ = "notification_settings"
    __table_args__ = (CheckConstraint("(webhook_url IS NULL) = (webhook_salt IS NULL)", name="webhook_is_whole"),)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    #: Kinds that are switched off, so that a new one is on.
    mail_off: Mapped[list[str]] = mapped_column(ARRAY(String(60)), server_default=text("'{}'::varchar[]"))
    webhook_off: Mapped[list[str]] = mapped_column(ARRAY(String(60)), server_default=text("'{}'::varchar[]"))
    webhook_url: Mapped[str | None] = mapped_column(String(500))
    #: What its secret is derived from; worth nothing without the deployment's own.
    webhook_salt: Mapped[str | None] = mapped_column(String(64))
    webhook_set_at: Mapped[datetime | None]
    webhook_delivered_at: Mapped[datetime | None]
    webhook_failed_at: Mapped[datetime | None]
    webhook_error: Mapped[str | None] = mapped_column(Text)
