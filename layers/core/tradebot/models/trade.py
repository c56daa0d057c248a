"""Executed orders with their profit and loss."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, desc, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradebot.models.base import Base, Id, Money, known_values, number, one_of, positive
from tradebot.models.enums import MarketType, OrderType, PositionSide, Side, TradeReason

if TYPE_CHECKING:
    from tradebot.models.bot_config import BotConfig
    from tradebot.models.user import User


class Trade(Base):
    """One executed order. `pnl` is the unrealised PnL when it was recorded, `realized_pnl` what it locked in."""

    __tablename__ = "trades"
    __table_args__ = (
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["order_id", "user_id"], ["orders.id", "orders.user_id"], ondelete="CASCADE"),
        Index(None, "order_id"),
        # Pages by key, newest first: of a bot and of a user. Every query names the user, and the planner takes bot and
        # user for independent: without the user in it, it would rather combine both indexes and sort.
        Index("ix_trades_bot_config_id_timestamp", "bot_config_id", "user_id", desc("timestamp"), desc("id")),
        Index("ix_trades_user_id_timestamp", "user_id", desc("timestamp"), desc("id")),
        known_values("side", Side),
        known_values("order_type", OrderType),
        known_values("position_side", PositionSide),
        known_values("market_type", MarketType),
        known_values("reason", TradeReason),
        *positive("price", "quantity_filled", "quote_quantity_filled"),
        *number("commission_amount", "pnl", "realized_pnl"),
    )

    id: Mapped[Id]
    bot_config_id: Mapped[int]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    order_id: Mapped[int | None]
    #: `<environment>-<market>:<symbol>:<orderId>`, since Binance counts orders per symbol.
    binance_order_id: Mapped[str] = mapped_column(String(120), unique=True)
    symbol: Mapped[str] = mapped_column(String(30))
    market_type: Mapped[MarketType] = mapped_column(one_of(MarketType, 8), server_default=MarketType.SPOT.value)
    side: Mapped[Side] = mapped_column(one_of(Side, 8))
    #: Futures only.
    position_side: Mapped[PositionSide | None] = mapped_column(one_of(PositionSide, 8))
    order_type: Mapped[OrderType] = mapped_column(one_of(OrderType))
    reason: Mapped[TradeReason | None] = mapped_column(one_of(TradeReason))
    #: Average of the fills.
    price: Mapped[Money]
    quantity_filled: Mapped[Money]
    quote_quantity_filled: Mapped[Money]
    commission_amount: Mapped[Money] = mapped_column(server_default=text("0"))
    commission_asset: Mapped[str | None] = mapped_column(String(20))
    pnl: Mapped[Money | None]
    #: Net of both sides' fees; null on an entry.
    realized_pnl: Mapped[Money | None]
    timestamp: Mapped[datetime] = mapped_column(server_default=func.now())

    user: Mapped["User"] = relationship(lazy="raise", viewonly=True, back_populates="trades")
    bot_config: Mapped["BotConfig"] = relationship(lazy="raise", viewonly=True, back_populates="trades")
