"""Where bots stand."""

from typing import Any

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import DecimalOut, Id, Instant, Out, Page
from tradebot_api.schemas.kill_switches import KillSwitchOut
from tradebot_api.schemas.words import BotStatus, PositionSide

STATE_EXAMPLE: dict[str, Any] = {
    "id": 42,
    "is_active": True,
    "status": "running",
    "in_position": True,
    "position_side": None,
    "entry_price": "24210.5",
    "current_position_size_coins": "0.0413",
    "trailing_stop_price": None,
    "max_price_since_entry": "24380",
    "take_profit_price": "24936.81",
    "stop_loss_price": "23847.35",
    "daily_pnl": "12.4075",
    "daily_trades_count": 3,
    "realized_pnl": "31.9902",
    "unrealized_pnl": "4.13",
    "last_price": "24310.5",
    "last_closed_candle_at": "2026-11-22T10:00:00Z",
    "next_run_at": "2026-11-22T10:06:00Z",
    "started_at": "2026-11-21T08:00:00Z",
    "last_run_at": "2026-11-22T10:05:01Z",
    "last_error_message": None,
    "last_updated_at": "2026-11-22T10:05:01Z",
    "close_requested_at": None,
    "kill_switch": None,
}


class BotStateOut(Out):
    """Where a bot stands. `id` is the id of its configuration."""

    model_config = ConfigDict(json_schema_extra={"example": STATE_EXAMPLE})

    id: Id
    is_active: bool
    status: BotStatus
    in_position: bool
    position_side: PositionSide | None = Field(description="Futures only.")
    entry_price: DecimalOut | None
    current_position_size_coins: DecimalOut | None
    trailing_stop_price: DecimalOut | None
    max_price_since_entry: DecimalOut | None = Field(description="The lowest price of a short.")
    take_profit_price: DecimalOut | None
    stop_loss_price: DecimalOut | None
    daily_pnl: DecimalOut = Field(description="Of the present UTC day, in the quote currency.")
    daily_trades_count: int = Field(description="Entries filled in the present UTC day.")
    realized_pnl: DecimalOut = Field(description="Net of fees, in the quote currency.")
    unrealized_pnl: DecimalOut
    last_price: DecimalOut | None
    last_closed_candle_at: Instant | None = Field(description="Open time of the last closed candle that it has seen.")
    next_run_at: Instant | None = Field(description="Market time; 1970-01-01 is at once, null is never.")
    started_at: Instant | None
    last_run_at: Instant | None
    last_error_message: str | None = Field(description="What the last tick has to say: an error, or why it held back.")
    last_updated_at: Instant
    close_requested_at: Instant | None = Field(description="Since when its position is being closed.")
    kill_switch: KillSwitchOut | None = Field(description="The widest kill switch that is on for this bot.")


class BotRunOut(BotStateOut):
    """The state after a start or a stop, and what the caller should know."""

    model_config = ConfigDict(json_schema_extra={"example": {**STATE_EXAMPLE, "status": "starting", "notice": None}})

    notice: str | None = None


class BotStatePage(Page[BotStateOut]):
    """A page of states, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [STATE_EXAMPLE], "next_cursor": None}})
