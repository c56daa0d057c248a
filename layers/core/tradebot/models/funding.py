"""Funding settlements of futures positions, as the exchange told them: each is booked once, by its transaction id."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, Id, Money, number


class Funding(Base):
    """What a position paid (below zero) or received at one settlement."""

    __tablename__ = "funding"
    __table_args__ = (
        UniqueConstraint("bot_config_id", "transaction_id"),
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"
        ),
        Index(None, "user_id"),
        *number("amount"),
    )

    id: Mapped[Id]
    user_id: Mapped[int]
    bot_config_id: Mapped[int]
    transaction_id: Mapped[str] = mapped_column(String(64))
    symbol: Mapped[str] = mapped_column(String(30))
    amount: Mapped[Money]
    asset: Mapped[str] = mapped_column(String(20))
    paid_at: Mapped[datetime]
