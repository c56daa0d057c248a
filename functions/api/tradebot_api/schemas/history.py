"""What a bot did at the exchange."""

from typing import Any

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import DecimalOut, Id, Instant, Out, Page
from tradebot_api.schemas.trades import FeeOut
from tradebot_api.schemas.words import (
    FindingKind,
    Leg,
    MarketType,
    OrderStatus,
    OrderType,
    Side,
    TradeReason,
    TransferStatus,
)

ORDER_EXAMPLE: dict[str, Any] = {
    "id": 1207,
    "decision_key": "ema:20261122T100500Z:enter_long",
    "leg": "entry",
    "attempt": 1,
    "client_order_id": "tb1-k5s3o2vqxw7yhd4nbtfa6mzc",
    "symbol": "BTCUSDT",
    "market_type": "spot",
    "side": "BUY",
    "type": "MARKET",
    "reason": "entry_signal",
    "quantity": "0.0413",
    "price": None,
    "stop_price": None,
    "reduce_only": False,
    "status": "FILLED",
    "venue_order_id": "28",
    "executed_qty": "0.0413",
    "avg_price": "24210.5",
    "fills": {
        "count": 2,
        "quantity": "0.0413",
        "quote_quantity": "999.89365",
        "commissions": [{"asset": "BTC", "amount": "0.0000413"}],
        "first_at": "2026-11-22T10:05:01Z",
        "last_at": "2026-11-22T10:05:01Z",
    },
    "last_error": None,
    "created_at": "2026-11-22T10:05:01Z",
    "updated_at": "2026-11-22T10:05:02Z",
}
TRANSFER_EXAMPLE: dict[str, Any] = {
    "id": 3,
    "asset": "USDT",
    "amount": "250",
    "status": "UNKNOWN",
    "transaction_id": None,
    "last_error": "the exchange's history does not show it",
    "created_at": "2026-11-22T10:05:01Z",
    "updated_at": "2026-11-22T10:06:02Z",
}


FINDING_EXAMPLE: dict[str, Any] = {
    "id": 5,
    "kind": "foreign_order",
    "text": "An order that is not the bot's rests at the exchange.",
    "first_seen_at": "2026-11-22T10:05:01Z",
    "last_seen_at": "2026-11-22T10:20:01Z",
    "resolved_at": None,
}


class FillsOut(Out):
    """What an order's executions add up to."""

    count: int
    quantity: DecimalOut
    quote_quantity: DecimalOut
    commissions: list[FeeOut]
    first_at: Instant
    last_at: Instant


class OrderOut(Out):
    """One intent to trade, recorded before it was sent, and what became of it."""

    model_config = ConfigDict(json_schema_extra={"example": ORDER_EXAMPLE})

    id: Id
    decision_key: str = Field(description="Strategy, close time of the deciding candle, action.")
    leg: Leg = Field(description="`stop` and `take_profit` rest at the exchange beside a position.")
    attempt: int
    client_order_id: str = Field(description="The id that the exchange shows it under.")
    symbol: str
    market_type: MarketType
    side: Side
    type: OrderType
    reason: TradeReason
    quantity: DecimalOut
    price: DecimalOut | None = Field(description="Of a limit order.")
    stop_price: DecimalOut | None
    reduce_only: bool
    status: OrderStatus = Field(
        description="As the exchange writes it; `SENDING`: recorded, `UNKNOWN`: the answer did not say and it is being"
        " looked for, `ABSENT`: the exchange never had it."
    )
    venue_order_id: str | None
    executed_qty: DecimalOut
    avg_price: DecimalOut | None
    fills: FillsOut | None = Field(description="Null while nothing is executed.")
    last_error: str | None
    created_at: Instant
    updated_at: Instant


class OrderPage(Page[OrderOut]):
    """A page of orders, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [ORDER_EXAMPLE], "next_cursor": None}})


class TransferOut(Out):
    """Margin moved from spot to futures for an entry that was short of it."""

    model_config = ConfigDict(json_schema_extra={"example": TRANSFER_EXAMPLE})

    id: Id
    asset: str
    amount: DecimalOut
    status: TransferStatus = Field(
        description="`UNKNOWN`: nobody knows whether it was made. It is never sent again; look at the exchange."
    )
    transaction_id: str | None = Field(description="The exchange's, of one that was made.")
    last_error: str | None
    created_at: Instant
    updated_at: Instant


class TransferPage(Page[TransferOut]):
    """A page of transfers, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [TRANSFER_EXAMPLE], "next_cursor": None}})


class FindingOut(Out):
    """A difference between the exchange and the bot's books, as a reconciliation found it."""

    model_config = ConfigDict(json_schema_extra={"example": FINDING_EXAMPLE})

    id: Id
    kind: FindingKind
    text: str
    first_seen_at: Instant
    last_seen_at: Instant
    resolved_at: Instant | None = Field(description="When a reconciliation did not find it any more; null while open.")


class FindingPage(Page[FindingOut]):
    """A page of findings, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [FINDING_EXAMPLE], "next_cursor": None}})
