"""Sessions: each refresh token that was handed out, as its hash. A session is a family of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt, Id


class RefreshToken(Base):
    """Used once; used twice, it ends its family. Used and revoked ones stay until then, so that a replay is known."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        Index(None, "user_id", "family_id"),
        Index(None, "family_expires_at"),
        CheckConstraint("expires_at <= family_expires_at", name="ends_with_its_family"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    #: What one login began.
    family_id: Mapped[UUID]
    #: SHA-256 of the token, never the token.
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[CreatedAt]
    #: Idle: a session that is not refreshed until then has ended.
    expires_at: Mapped[datetime]
    #: Absolute: no refresh goes beyond it.
    family_expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
