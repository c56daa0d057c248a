"""Accounts."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, String, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradebot.models.base import Base, CreatedAt, Id, UpdatedAt
from tradebot.models.kill_switch import KillSwitchColumns, switch_is_whole

if TYPE_CHECKING:
    from tradebot.models.api_key import ApiKey
    from tradebot.models.backtest import Backtest
    from tradebot.models.bot_config import BotConfig
    from tradebot.models.trade import Trade


class User(KillSwitchColumns, Base):
    """A person who owns keys, bots, trades and backtests."""

    __tablename__ = "users"
    __table_args__ = (
        # One address, one account, however it is typed: it is stored in lower case.
        CheckConstraint("email = lower(email)", name="email_lower_case"),
        CheckConstraint("new_email = lower(new_email)", name="new_email_lower_case"),
        CheckConstraint("token_version >= 0", name="token_version_not_negative"),
        switch_is_whole(),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320), unique=True)
    #: A PHC string.
    hashed_password: Mapped[str] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(server_default=true())
    #: SHA-256 of the token, never the token.
    reset_token: Mapped[str | None] = mapped_column(String(128), unique=True)
    reset_token_expires: Mapped[datetime | None]
    #: Null until the address was confirmed by a token mailed to it; nobody logs in before.
    verified_at: Mapped[datetime | None]
    #: An address that is to take the present one's place once it is confirmed.
    new_email: Mapped[str | None] = mapped_column(String(320))
    #: SHA-256 of the token that confirms the address, or the new one.
    verification_token: Mapped[str | None] = mapped_column(String(128), unique=True)
    verification_token_expires: Mapped[datetime | None]
    display_name: Mapped[str | None] = mapped_column(String(100))
    #: Every access token carries it; raising it ends all sessions at once.
    token_version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    api_keys: Mapped[list["ApiKey"]] = relationship(lazy="raise", viewonly=True, back_populates="user")
    bot_configs: Mapped[list["BotConfig"]] = relationship(lazy="raise", viewonly=True, back_populates="user")
    trades: Mapped[list["Trade"]] = relationship(lazy="raise", viewonly=True, back_populates="user")
    backtests: Mapped[list["Backtest"]] = relationship(lazy="raise", viewonly=True, back_populates="user")
