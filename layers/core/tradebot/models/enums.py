"""The words that text columns may hold, the domain's and the tables' own. A CHECK holds each column to its own."""

from enum import StrEnum

from tradebot.domain.market import BotStatus, MarketType
from tradebot.domain.order import Leg, OrderStatus, OrderType, Side
from tradebot.domain.position import PositionSide
from tradebot.domain.timeframe import Timeframe

__all__ = [
    "BacktestStatus",
    "BotStatus",
    "FindingKind",
    "KeyEnvironment",
    "Leg",
    "MarketType",
    "OrderStatus",
    "OrderType",
    "PositionSide",
    "Side",
    "Timeframe",
    "TradeReason",
    "TransferStatus",
]


class KeyEnvironment(StrEnum):
    """Which exchange a key belongs to."""

    LIVE = "live"
    TESTNET = "testnet"


class TradeReason(StrEnum):
    """Why an order was made: the signal to enter, or one of the domain's reasons to exit."""

    ENTRY_SIGNAL = "entry_signal"
    EXIT_SIGNAL = "exit_signal"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    LIQUIDATION = "liquidation"
    DAILY_LOSS = "daily_loss"
    DAILY_TARGET = "daily_target"
    MANUAL = "manual"


class TransferStatus(StrEnum):
    """What became of a transfer. UNKNOWN: nobody knows whether it was made, and it is never sent again."""

    SENDING = "SENDING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"


class BacktestStatus(StrEnum):
    """How far a backtest is."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FindingKind(StrEnum):
    """What a reconciliation can find."""

    FOREIGN_ORDER = "foreign_order"
    POSITION_DIFFERS = "position_differs"
    COINS_MISSING = "coins_missing"

    @property
    def blocks_entries(self) -> bool:
        """Whether books and exchange differ; an order that is another's is only shown."""
        return self is not FindingKind.FOREIGN_ORDER
