"""Orders, one row per intent, written before anything is sent; and their fills, as the exchange told them."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import (
    Base,
    CreatedAt,
    Id,
    Money,
    UpdatedAt,
    known_values,
    not_negative,
    one_of,
    positive,
)
from tradebot.models.enums import Leg, MarketType, OrderStatus, OrderType, Side, TradeReason

#: Statuses in which an order may still execute, or may have.
LIVE_STATUSES = "status IN ('SENDING', 'NEW', 'PARTIALLY_FILLED', 'UNKNOWN')"


class Order(Base):
    """The intent to trade, and what became of it."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"
        ),
        Index(None, "bot_config_id", "id"),
        # A page of its owner's list, in order.
        Index(None, "user_id", "bot_config_id", "id"),
        # One live order per bot, decision and leg: a second worker's intent is refused here. It also answers what
        # every tick asks: which orders of this bot are open?
        Index(
            "uq_orders_live_decision",
            "bot_config_id",
            "decision_key",
            "leg",
            unique=True,
            postgresql_where=LIVE_STATUSES,
        ),
        CheckConstraint("client_order_id ~ '^[a-zA-Z0-9_-]{1,36}$'", name="client_order_id_shape"),
        CheckConstraint("list_client_order_id ~ '^[a-zA-Z0-9_-]{1,36}$'", name="list_client_order_id_shape"),
        CheckConstraint("attempt >= 1", name="attempt_positive"),
        known_values("leg", Leg),
        known_values("market_type", MarketType),
        known_values("side", Side),
        known_values("type", OrderType),
        known_values("reason", TradeReason),
        known_values("status", OrderStatus),
        *positive("quantity", "price", "stop_price", "avg_price"),
        *not_negative("executed_qty"),
    )

    id: Mapped[Id]
    user_id: Mapped[int]
    bot_config_id: Mapped[int]
    #: Strategy, close time of the candle and action: two ticks of one candle make one key.
    decision_key: Mapped[str] = mapped_column(String(120))
    leg: Mapped[Leg] = mapped_column(one_of(Leg, 16))
    attempt: Mapped[int] = mapped_column(server_default=text("1"))
    client_order_id: Mapped[str] = mapped_column(String(36), unique=True)
    #: Of an order list, the same on both of its legs.
    list_client_order_id: Mapped[str | None] = mapped_column(String(36))
    symbol: Mapped[str] = mapped_column(String(30))
    market_type: Mapped[MarketType] = mapped_column(one_of(MarketType, 8))
    side: Mapped[Side] = mapped_column(one_of(Side, 8))
    type: Mapped[OrderType] = mapped_column(one_of(OrderType))
    reason: Mapped[TradeReason] = mapped_column(one_of(TradeReason))
    quantity: Mapped[Money]
    price: Mapped[Money | None]
    stop_price: Mapped[Money | None]
    reduce_only: Mapped[bool] = mapped_column(server_default=false())
    status: Mapped[OrderStatus] = mapped_column(one_of(OrderStatus), server_default=OrderStatus.SENDING.value)
    #: Wire time of the signature, milliseconds since 1970.
    signed_at_ms: Mapped[int | None] = mapped_column(BigInteger)
    #: The exchange's id; of a futures stop the algo order's while it rests, then that of the order it became.
    venue_order_id: Mapped[str | None] = mapped_column(String(64))
    executed_qty: Mapped[Money] = mapped_column(server_default=text("0"))
    avg_price: Mapped[Money | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]


class Fill(Base):
    """One execution at the exchange. Recorded twice, it is one row."""

    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("venue", "account", "symbol", "trade_id"),
        ForeignKeyConstraint(["order_id", "user_id"], ["orders.id", "orders.user_id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"
        ),
        Index(None, "order_id"),
        Index(None, "bot_config_id", "id"),
        Index(None, "user_id"),
        known_values("side", Side),
        *positive("price", "quantity", "quote_quantity"),
        # A maker's rebate is a negative commission, so it only has to be a number.
        CheckConstraint("commission <> 'NaN'", name="commission_number"),
    )

    id: Mapped[Id]
    user_id: Mapped[int]
    order_id: Mapped[int]
    bot_config_id: Mapped[int]
    #: `live-spot`, `testnet-futures`, ...
    venue: Mapped[str] = mapped_column(String(40))
    account: Mapped[str] = mapped_column(String(64))
    symbol: Mapped[str] = mapped_column(String(30))
    trade_id: Mapped[str] = mapped_column(String(64))
    side: Mapped[Side] = mapped_column(one_of(Side, 8))
    price: Mapped[Money]
    quantity: Mapped[Money]
    quote_quantity: Mapped[Money]
    commission: Mapped[Money]
    commission_asset: Mapped[str] = mapped_column(String(20))
    executed_at: Mapped[datetime]
