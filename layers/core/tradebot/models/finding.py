"""What reconciliations found: where the exchange and a bot's books differ, from when to when."""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, Id, known_values, one_of
from tradebot.models.enums import FindingKind


class Finding(Base):
    """One difference. It is open until a later reconciliation does not find it any more."""

    __tablename__ = "findings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"
        ),
        Index(None, "bot_config_id", "id"),
        # A page of its owner's list, in order.
        Index(None, "user_id", "bot_config_id", "id"),
        # The same finding seen again is the same row.
        Index("uq_findings_open", "bot_config_id", "kind", "text", unique=True, postgresql_where="resolved_at IS NULL"),
        known_values("kind", FindingKind),
    )

    id: Mapped[Id]
    user_id: Mapped[int]
    bot_config_id: Mapped[int]
    kind: Mapped[FindingKind] = mapped_column(one_of(FindingKind))
    text: Mapped[str] = mapped_column(Text)
    first_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    resolved_at: Mapped[datetime | None]
