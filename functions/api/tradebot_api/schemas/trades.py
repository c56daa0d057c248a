"""Executed orders, and what they sum up to."""

from datetime import date
from typing import Any

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import DecimalOut, Id, Instant, Out, Page
from tradebot_api.schemas.words import MarketType, OrderType, PositionSide, Side, TradeReason

TRADE_EXAMPLE: dict[str, Any] = {
    "id": 311,
    "bot_config_id": 42,
    "binance_order_id": "testnet-spot:BTCUSDT:28",
    "symbol": "BTCUSDT",
    "market_type": "spot",
    "side": "SELL",
    "position_side": None,
    "order_type": "MARKET",
    "reason": "take_profit",
    "price": "24936.81",
    "quantity_filled": "0.0413",
    "quote_quantity_filled": "1029.890253",
    "commission_amount": "1.02989025",
    "commission_asset": "USDT",
    "pnl": None,
    "realized_pnl": "27.9604",
    "timestamp": "2026-11-22T10:05:00Z",
}
REPORT_EXAMPLE: dict[str, Any] = {
    "bot_config_id": 42,
    "name": "BTC trend",
    "symbol": "BTCUSDT",
    "realized_pnl": "31.9902",
    "unrealized_pnl": "4.13",
    "net_pnl": "36.1202",
    "trades": 7,
    "round_trips": 3,
    "wins": 2,
    "losses": 1,
    "win_rate": "0.666667",
    "gross_profit": "48.2002",
    "gross_loss": "-16.21",
    "profit_factor": "2.973485",
    "best_trade": "27.9604",
    "worst_trade": "-16.21",
    "max_drawdown": "16.21",
    "max_drawdown_ratio": None,
    "fees": "7.140112",
    "other_fees": [{"asset": "BNB", "amount": "0.0021"}],
    "first_trade_at": "2026-11-21T09:15:00Z",
    "last_trade_at": "2026-11-22T10:05:00Z",
    "open_position": {
        "side": None,
        "size": "0.0413",
        "entry_price": "24210.5",
        "last_price": "24310.5",
        "unrealized_pnl": "4.13",
    },
    "days": [
        {
            "day": "2026-11-22",
            "trades": 3,
            "round_trips": 1,
            "wins": 1,
            "realized_pnl": "27.9604",
            "fees": "3.01989025",
        }
    ],
}


class TradeOut(Out):
    """One executed order."""

    model_config = ConfigDict(json_schema_extra={"example": TRADE_EXAMPLE})

    id: Id
    bot_config_id: Id
    binance_order_id: str = Field(description="`<environment>-<market>:<symbol>:<orderId>`.")
    symbol: str
    market_type: MarketType
    side: Side
    position_side: PositionSide | None = Field(description="Futures only.")
    order_type: OrderType
    reason: TradeReason | None
    price: DecimalOut = Field(description="Average of the fills.")
    quantity_filled: DecimalOut
    quote_quantity_filled: DecimalOut
    commission_amount: DecimalOut
    commission_asset: str | None
    pnl: DecimalOut | None = Field(description="Unrealised PnL when the trade was recorded.")
    realized_pnl: DecimalOut | None = Field(description="Locked in, net of both sides' fees; null on an entry.")
    timestamp: Instant


class FeeOut(Out):
    """Commissions in one asset."""

    asset: str
    amount: DecimalOut


class DayOut(Out):
    """One UTC day that saw a trade."""

    day: date
    trades: int
    round_trips: int
    wins: int
    realized_pnl: DecimalOut
    fees: DecimalOut


class OpenPositionOut(Out):
    """A position that is still open, marked at the last price."""

    side: PositionSide | None
    size: DecimalOut
    entry_price: DecimalOut
    last_price: DecimalOut | None
    unrealized_pnl: DecimalOut


class BotReportOut(Out):
    """What a bot earned, in the quote currency. Ratios are fractions: 0.5 is half."""

    model_config = ConfigDict(json_schema_extra={"example": REPORT_EXAMPLE})

    bot_config_id: Id
    name: str
    symbol: str
    realized_pnl: DecimalOut = Field(description="Net of the fees of both sides, over all round trips.")
    unrealized_pnl: DecimalOut
    net_pnl: DecimalOut = Field(description="Realised and unrealised.")
    trades: int = Field(description="Executed orders.")
    round_trips: int = Field(description="Exits that locked something in.")
    wins: int
    losses: int
    win_rate: DecimalOut | None = Field(description="Wins of all round trips; null before the first.")
    gross_profit: DecimalOut
    gross_loss: DecimalOut
    profit_factor: DecimalOut | None = Field(description="Gross profit over gross loss; null without a loss.")
    best_trade: DecimalOut | None
    worst_trade: DecimalOut | None
    max_drawdown: DecimalOut = Field(description="The deepest fall of realised equity from its peak.")
    max_drawdown_ratio: DecimalOut | None = Field(description="Of that peak; null without an initial capital.")
    fees: DecimalOut = Field(description="Commissions in quote or base, in quote at their trades' prices.")
    other_fees: list[FeeOut] = Field(description="Commissions in other assets, such as BNB.")
    first_trade_at: Instant | None
    last_trade_at: Instant | None
    open_position: OpenPositionOut | None
    days: list[DayOut] = Field(description="Newest first.")


class TradePage(Page[TradeOut]):
    """A page of trades, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [TRADE_EXAMPLE], "next_cursor": None}})
