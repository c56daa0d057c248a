"""Exchange credentials, encrypted."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradebot.models.base import Base, CreatedAt, Id, UpdatedAt, known_values, one_of
from tradebot.models.enums import KeyEnvironment

if TYPE_CHECKING:
    from tradebot.models.bot_config import BotConfig
    from tradebot.models.user import User


class ApiKey(Base):
    """A user's key of the exchange. Each encrypted column is a ciphertext of its own, under the row's data key."""

    __tablename__ = "api_keys"
    __table_args__ = (
        # What composite foreign keys point at, so that no row can point across users.
        UniqueConstraint("id", "user_id"),
        known_values("environment", KeyEnvironment),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    encrypted_api_key: Mapped[str] = mapped_column(Text)
    encrypted_secret_key: Mapped[str] = mapped_column(Text)
    #: The row's data key, wrapped by KMS.
    encrypted_data_key: Mapped[str] = mapped_column(Text)
    label: Mapped[str | None] = mapped_column(String(100))
    environment: Mapped[KeyEnvironment] = mapped_column(
        one_of(KeyEnvironment), server_default=KeyEnvironment.LIVE.value
    )
    #: The last four characters, all that is ever shown.
    key_hint: Mapped[str] = mapped_column(String(4))
    #: False until bot_runner has checked the key at the exchange.
    is_valid: Mapped[bool] = mapped_column(server_default=false())
    checked_at: Mapped[datetime | None]
    check_error: Mapped[str | None] = mapped_column(Text)
    #: What its owner should change on a key that is accepted.
    check_warning: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped["User"] = relationship(lazy="raise", viewonly=True, back_populates="api_keys")
    bot_configs: Mapped[list["BotConfig"]] = relationship(lazy="raise", viewonly=True, back_populates="api_key")
