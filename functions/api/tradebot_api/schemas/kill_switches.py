"""Stopping: what becomes of a position, and the switches that keep bots from entering one."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, computed_field

from tradebot.domain.kill_switch import KillSwitch
from tradebot.domain.kill_switch import KillSwitchScope as Scope
from tradebot_api.schemas.fields import LINE_PATTERN, Id, In, Instant, Out
from tradebot_api.schemas.words import KillSwitchScope, PositionChoice

SWITCH_EXAMPLE: dict[str, Any] = {
    "scope": "bot",
    "at": "2026-11-22T10:05:00Z",
    "reason": "odd fills",
    "message": "No entries: the bot's kill switch is on since 2026-11-22 10:05 UTC (odd fills). Stops and exits go on.",
}

Reason = Annotated[
    str, Field(min_length=1, max_length=200, pattern=LINE_PATTERN, description="For whoever asks later.")
]
Position = Annotated[
    PositionChoice,
    Field(description="`keep`: it stays, with its stop at the exchange. `close`: it is closed at market."),
]


class StopIn(In):
    """How to stop a bot."""

    model_config = ConfigDict(json_schema_extra={"example": {"position": "close"}})

    position: Position = "keep"


class KillSwitchIn(In):
    """Why the switch is set, and what becomes of open positions. `close` also deactivates the bots."""

    model_config = ConfigDict(json_schema_extra={"example": {"reason": "odd fills", "position": "keep"}})

    reason: Reason | None = None
    position: Position = "keep"


class KillSwitchOut(Out):
    """A switch that is on."""

    model_config = ConfigDict(json_schema_extra={"example": SWITCH_EXAMPLE})

    scope: KillSwitchScope
    at: Instant
    reason: str | None

    @computed_field
    def message(self) -> str:
        """What it means."""
        return KillSwitch(Scope(self.scope), self.at, self.reason).message


class UserKillSwitchOut(Out):
    """The switch for all of one's bots."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"is_on": True, "at": "2026-11-22T10:05:00Z", "reason": "holiday", "closing_bot_ids": [42]}
        }
    )

    is_on: bool
    at: Instant | None
    reason: str | None
    closing_bot_ids: list[Id] = Field(description="Bots whose position is being closed by this request.")


class ClosingOut(Out):
    """What an emergency close has begun."""

    model_config = ConfigDict(json_schema_extra={"example": {"closing_bot_ids": [42, 43]}})

    closing_bot_ids: list[Id] = Field(description="Bots that have something to close; each is `stopping` until it has.")
