"""The words that text columns may hold. A CHECK of each column holds it to the same values."""

from enum import StrEnum


class KeyEnvironment(StrEnum):
    """Which exchange a key belongs to."""

    LIVE = "live"
    TESTNET = "testnet"


class MarketType(StrEnum):
    """Spot, or USD-M futures."""

    SPOT = "spot"
    FUTURES = "futures"


class BotStatus(StrEnum):
    """What a bot does now."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED_DAILY_LOSS = "paused_daily_loss"
    PAUSED_DAILY_TARGET = "paused_daily_target"
    PAUSED_MAX_TRADES = "paused_max_trades"
    STOPPING = "stopping"
    ERROR = "error"


class Timeframe(StrEnum):
    """Binance's candle intervals."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H8 = "8h"
    H12 = "12h"
    D1 = "1d"
    D3 = "3d"
    W1 = "1w"
    MN1 = "1M"


class Side(StrEnum):
    """Of an order, a fill or a trade."""

    BUY = "BUY"
    SELL = "SELL"


class PositionSide(StrEnum):
    """Of a futures position; spot has none."""

    LONG = "LONG"
    SHORT = "SHORT"


class OrderLeg(StrEnum):
    """Which half of a round trip an order serves."""

    ENTRY = "entry"
    EXIT = "exit"


class OrderType(StrEnum):
    """Binance's order types, as far as they are sent."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_MARKET = "STOP_MARKET"


class OrderStatus(StrEnum):
    """Binance's states, and ours for what is on its way, not known, or known not to be there."""

    SENDING = "SENDING"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    ABSENT = "ABSENT"


class TradeReason(StrEnum):
    """Why an order was made."""

    ENTRY_SIGNAL = "entry_signal"
    EXIT_SIGNAL = "exit_signal"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    LIQUIDATION = "liquidation"
    DAILY_LOSS = "daily_loss"
    DAILY_TARGET = "daily_target"
    MANUAL = "manual"


class BacktestStatus(StrEnum):
    """How far a backtest is."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
