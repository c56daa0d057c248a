"""The tables. One aggregate per file; queries live in `repositories`, and no engine is made here."""

from tradebot.models.api_key import ApiKey
from tradebot.models.audit_event import AuditEvent
from tradebot.models.backtest import Backtest
from tradebot.models.base import Base
from tradebot.models.bot_config import BotConfig
from tradebot.models.bot_state import BotState
from tradebot.models.enums import (
    BacktestStatus,
    BotStatus,
    FindingKind,
    KeyEnvironment,
    Leg,
    MarketType,
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    Timeframe,
    TradeReason,
    TransferStatus,
)
from tradebot.models.exchange_limit import ExchangeLimit
from tradebot.models.finding import Finding
from tradebot.models.funding import Funding
from tradebot.models.idempotency_key import IdempotencyKey
from tradebot.models.key_rotation import KeyRotation
from tradebot.models.kill_switch import PlatformSwitch
from tradebot.models.market_cache import CandleSeries, Market, MarketSymbol, StoredCandle
from tradebot.models.order import LIVE_STATUSES, Fill, Order
from tradebot.models.outbox_message import OutboxMessage
from tradebot.models.refresh_token import RefreshToken
from tradebot.models.throttle import Throttle
from tradebot.models.trade import Trade
from tradebot.models.transfer import Transfer
from tradebot.models.user import User

__all__ = [
    "LIVE_STATUSES",
    "ApiKey",
    "AuditEvent",
    "Backtest",
    "BacktestStatus",
    "Base",
    "BotConfig",
    "BotState",
    "BotStatus",
    "CandleSeries",
    "ExchangeLimit",
    "Fill",
    "Finding",
    "FindingKind",
    "Funding",
    "IdempotencyKey",
    "KeyEnvironment",
    "KeyRotation",
    "Leg",
    "Market",
    "MarketSymbol",
    "MarketType",
    "Order",
    "OrderStatus",
    "OrderType",
    "OutboxMessage",
    "PlatformSwitch",
    "PositionSide",
    "RefreshToken",
    "Side",
    "StoredCandle",
    "Throttle",
    "Timeframe",
    "Trade",
    "TradeReason",
    "Transfer",
    "TransferStatus",
    "User",
]
