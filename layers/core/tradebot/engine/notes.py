"""What a decision tells the user beside its actions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WarningCode(StrEnum):
    """What is allowed and still unwise in a configuration."""

    TAKE_PROFIT_BELOW_COSTS = "take_profit_below_costs"
    STOP_LOSS_NEVER_ACTS = "stop_loss_never_acts"
    STOP_BEYOND_LIQUIDATION = "stop_beyond_liquidation"


@dataclass(frozen=True, slots=True)
class ParameterWarning:
    """A configuration's weakness, for its owner."""

    code: WarningCode
    message: str


class NoteCode(StrEnum):
    """Why an entry that was signalled did not happen, or what the data lacked."""

    GAP = "gap"
    STALE_SIGNAL = "stale_signal"
    MISSED_CANDLE = "missed_candle"
    PAUSED_DAILY_LOSS = "paused_daily_loss"
    PAUSED_DAILY_TARGET = "paused_daily_target"
    PAUSED_MAX_TRADES = "paused_max_trades"
    BELOW_MIN_QTY = "below_min_qty"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    NO_FREE_BALANCE = "no_free_balance"
    BEYOND_BRACKET = "beyond_bracket"


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence for the bot's state, with a code to count by."""

    code: NoteCode
    message: str
