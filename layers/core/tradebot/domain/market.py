"""Where a bot trades and how it stands."""

from __future__ import annotations

from enum import StrEnum


class MarketType(StrEnum):
    """Spot owns coins; futures are USD-M perpetuals, isolated, one-way."""

    SPOT = "spot"
    FUTURES = "futures"


class BotStatus(StrEnum):
    """`bot_states.status`."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED_DAILY_LOSS = "paused_daily_loss"
    PAUSED_DAILY_TARGET = "paused_daily_target"
    PAUSED_MAX_TRADES = "paused_max_trades"
    STOPPING = "stopping"
    ERROR = "error"
