"""How much of the exchange's request limit is used: one row per venue and egress, nobody's and everybody's."""

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base


class ExchangeLimit(Base):
    """One address's standing with one venue. Limits count by address, and functions behind one NAT share theirs."""

    __tablename__ = "exchange_limits"
    __table_args__ = (
        CheckConstraint("weight_limit > 0", name="weight_limit_positive"),
        CheckConstraint("used_weight >= 0", name="used_weight_not_negative"),
    )

    #: `live-spot`, `testnet-futures`, ...
    venue: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: The address's name in the deployment's settings.
    egress: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: The minute that `used_weight` is of.
    window_at: Mapped[datetime]
    #: Reserved or used in it.
    used_weight: Mapped[int]
    weight_limit: Mapped[int]
    #: After a 429 or 418.
    blocked_until: Mapped[datetime | None]
