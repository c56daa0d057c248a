"""How often something was tried lately. Nobody's rows: a key is a digest, of an address or a source."""

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, CreatedAt


class Throttle(Base):
    """Tries of one kind since `began_at`."""

    __tablename__ = "throttles"
    __table_args__ = (Index(None, "began_at"), CheckConstraint("hits >= 1", name="hits_positive"))

    #: SHA-256, in hex: people type passwords into the field of the address.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    began_at: Mapped[CreatedAt]
    hits: Mapped[int] = mapped_column(server_default=text("1"))
