"""Rotations of the data keys of exchange credentials. Nobody's rows: how far each has come."""

from datetime import datetime

from sqlalchemy import CheckConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt, Id


class KeyRotation(Base):
    """One pass over `api_keys` in the order of their ids, from the first to the last that there was at its start."""

    __tablename__ = "key_rotations"
    __table_args__ = (
        CheckConstraint("at_id <= through_id", name="ends_at_its_end"),
        CheckConstraint("rewrapped >= 0 AND replaced >= 0 AND unreadable >= 0", name="counts_not_negative"),
    )

    id: Mapped[Id]
    started_at: Mapped[CreatedAt]
    #: Keys that came later were wrapped after the start.
    through_id: Mapped[int]
    #: The last key that is done: moved in the transaction that stores its data key, so nothing is counted twice.
    at_id: Mapped[int] = mapped_column(server_default=text("0"))
    #: How many there were at the start.
    total: Mapped[int]
    rewrapped: Mapped[int] = mapped_column(server_default=text("0"))
    #: By their user, who stored another secret or deleted the key while KMS answered.
    replaced: Mapped[int] = mapped_column(server_default=text("0"))
    #: KMS did not open them: their user has to store them anew.
    unreadable: Mapped[int] = mapped_column(server_default=text("0"))
    finished_at: Mapped[datetime | None]
