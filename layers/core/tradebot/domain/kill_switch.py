"""Kill switches: while one is on, nothing opens a position. What protects or reduces one goes through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class KillSwitchScope(StrEnum):
    """Whose entries a switch forbids."""

    EVERYTHING = "everything"
    USER = "user"
    BOT = "bot"


_NAMES = {
    KillSwitchScope.EVERYTHING: "the platform's kill switch",
    KillSwitchScope.USER: "your kill switch for all bots",
    KillSwitchScope.BOT: "the bot's kill switch",
}


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """A switch that is on."""

    scope: KillSwitchScope
    at: datetime
    reason: str | None

    @property
    def message(self) -> str:
        """What a bot's user is told."""
        why = f" ({self.reason})" if self.reason else ""
        return f"No entries: {_NAMES[self.scope]} is on since {self.at:%Y-%m-%d %H:%M} UTC{why}. Stops and exits go on."
