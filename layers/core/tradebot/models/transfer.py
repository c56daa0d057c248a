"""Transfers from spot to futures, one row per intent, written before anything is sent."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt, Id, Money, UpdatedAt, known_values, one_of, positive
from tradebot.models.enums import TransferStatus

#: Nobody knows yet whether the money moved.
IN_DOUBT = "status IN ('SENDING', 'UNKNOWN')"


class Transfer(Base):
    """The intent to move margin, and what became of it. The exchange knows no id of ours, so it is never sent again."""

    __tablename__ = "transfers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"
        ),
        # One per decision, whatever becomes of it.
        UniqueConstraint("bot_config_id", "decision_key"),
        # One under way per key: two of the same amount could not be told apart in the exchange's history.
        Index("uq_transfers_under_way", "account", unique=True, postgresql_where="status = 'SENDING'"),
        UniqueConstraint("account", "transaction_id"),
        Index(None, "bot_config_id", "id"),
        # A page of its owner's list, in order.
        Index(None, "user_id", "bot_config_id", "id"),
        known_values("status", TransferStatus),
        *positive("amount"),
        CheckConstraint("(status = 'DONE') = (transaction_id IS NOT NULL)", name="done_has_its_transaction"),
    )

    id: Mapped[Id]
    user_id: Mapped[int]
    bot_config_id: Mapped[int]
    #: The key's id: whose money it is.
    account: Mapped[str] = mapped_column(String(64))
    #: The entry that was short of margin.
    decision_key: Mapped[str] = mapped_column(String(120))
    asset: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Money]
    status: Mapped[TransferStatus] = mapped_column(
        one_of(TransferStatus, 16), server_default=TransferStatus.SENDING.value
    )
    #: Wire time of the signature, milliseconds since 1970.
    signed_at_ms: Mapped[int] = mapped_column(BigInteger)
    transaction_id: Mapped[str | None] = mapped_column(String(64))
    last_error: Mapped[str | None] = mapped_column(Text)
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]
