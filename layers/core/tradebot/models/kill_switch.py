"""Kill switches: three columns beside whatever they stop, and the one row that stops everything."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base

#: Of a switch: when, by whom and why it was set; all null while it is off.
SWITCH_IS_WHOLE = (
    "(kill_switch_at IS NULL) = (kill_switch_by IS NULL) AND (kill_switch_at IS NOT NULL OR kill_switch_reason IS NULL)"
)


def switch_is_whole() -> CheckConstraint:
    """Return the CHECK that a switch is on with its author, or off without a trace."""
    return CheckConstraint(SWITCH_IS_WHOLE, name="kill_switch_is_whole")


class KillSwitchColumns:
    """A switch. On, where `kill_switch_at` says since when."""

    kill_switch_at: Mapped[datetime | None]
    kill_switch_by: Mapped[str | None] = mapped_column(String(120))
    kill_switch_reason: Mapped[str | None] = mapped_column(String(200))


class PlatformSwitch(KillSwitchColumns, Base):
    """The switch for everything. One row, which the migration inserts; without it, nothing is entered either."""

    __tablename__ = "platform_switches"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"), switch_is_whole())

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
