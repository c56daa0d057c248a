"""The words that the API speaks. They are the tables' words too, which a test holds."""

from typing import Literal

KeyEnvironment = Literal["live", "testnet"]
MarketType = Literal["spot", "futures"]
#: Without 1s: bots tick once a minute, and a signal older than half its candle opens nothing.
Timeframe = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"]
BotStatus = Literal[
    "stopped",
    "starting",
    "running",
    "paused_daily_loss",
    "paused_daily_target",
    "paused_max_trades",
    "stopping",
    "error",
]
#: What becomes of a position: it stays, with its stop at the exchange, or is closed at market.
PositionChoice = Literal["keep", "close"]
KillSwitchScope = Literal["everything", "user", "bot"]
Side = Literal["BUY", "SELL"]
PositionSide = Literal["LONG", "SHORT"]
OrderType = Literal["MARKET", "LIMIT", "STOP_LOSS", "LIMIT_MAKER", "STOP_MARKET"]
Leg = Literal["entry", "exit", "stop", "take_profit"]
OrderStatus = Literal[
    "SENDING", "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "REJECTED", "UNKNOWN", "ABSENT"
]
FindingKind = Literal["foreign_order", "position_differs", "coins_missing"]
TransferStatus = Literal["SENDING", "DONE", "REFUSED", "UNKNOWN"]
TradeReason = Literal[
    "entry_signal",
    "exit_signal",
    "stop_loss",
    "trailing_stop",
    "take_profit",
    "liquidation",
    "daily_loss",
    "daily_target",
    "manual",
]
NotificationKind = Literal[
    "stop_fired",
    "take_profit_filled",
    "paused_by_limit",
    "key_refused",
    "order_stuck",
    "backtest_ready",
    "kill_switch_set",
]
BacktestStatus = Literal["pending", "running", "succeeded", "failed", "cancelled"]
