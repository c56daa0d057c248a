"""Where a bot stands between two ticks."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradebot.models.base import Base, Money, UpdatedAt, known_values, not_negative, number, one_of, positive
from tradebot.models.enums import BotStatus, PositionSide
from tradebot.models.kill_switch import KillSwitchColumns, switch_is_whole

if TYPE_CHECKING:
    from tradebot.models.bot_config import BotConfig


class BotState(KillSwitchColumns, Base):
    """One row per bot, made with it. Its primary key is the bot's."""

    __tablename__ = "bot_states"
    __table_args__ = (
        ForeignKeyConstraint(["id", "user_id"], ["bot_configs.id", "bot_configs.user_id"], ondelete="CASCADE"),
        Index(None, "user_id"),
        # The dispatcher's question: who is due? Bots that are not active are not in it.
        Index("ix_bot_states_due", "next_run_at", "id", postgresql_where="next_run_at IS NOT NULL"),
        known_values("status", BotStatus),
        known_values("position_side", PositionSide),
        *positive(
            "entry_price",
            "trailing_stop_price",
            "max_price_since_entry",
            "take_profit_price",
            "stop_loss_price",
            "last_price",
        ),
        *not_negative("current_position_size_coins"),
        *number("daily_pnl", "day_base_equity", "realized_pnl", "unrealized_pnl"),
        CheckConstraint(
            "NOT in_position OR (entry_price IS NOT NULL AND COALESCE(current_position_size_coins, 0) > 0)",
            name="position_has_price_and_size",
        ),
        CheckConstraint("daily_trades_count >= 0", name="daily_trades_count_not_negative"),
        CheckConstraint("lease_token >= 0", name="lease_token_not_negative"),
        CheckConstraint("version >= 0", name="version_not_negative"),
        switch_is_whole(),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    user_id: Mapped[int]
    status: Mapped[BotStatus] = mapped_column(one_of(BotStatus), server_default=BotStatus.STOPPED.value)
    in_position: Mapped[bool] = mapped_column(server_default=false())
    #: Futures only.
    position_side: Mapped[PositionSide | None] = mapped_column(one_of(PositionSide, 8))
    entry_price: Mapped[Money | None]
    #: Base currency, without sign.
    current_position_size_coins: Mapped[Money | None]
    trailing_stop_price: Mapped[Money | None]
    #: The extreme since the entry: the highest price of a long, the lowest of a short.
    max_price_since_entry: Mapped[Money | None]
    take_profit_price: Mapped[Money | None]
    stop_loss_price: Mapped[Money | None]
    daily_pnl: Mapped[Money] = mapped_column(server_default=text("0"))
    daily_trades_count: Mapped[int] = mapped_column(server_default=text("0"))
    #: Equity at the last close of the previous UTC day.
    day_base_equity: Mapped[Money | None]
    #: Since the start, net of fees.
    realized_pnl: Mapped[Money] = mapped_column(server_default=text("0"))
    #: At `last_price`.
    unrealized_pnl: Mapped[Money] = mapped_column(server_default=text("0"))
    last_price: Mapped[Money | None]
    #: The engine's memory, as it serialises it.
    strategy_state: Mapped[dict[str, Any] | None]
    #: Open time of the last closed candle that the engine has seen.
    last_closed_candle_at: Mapped[datetime | None]
    #: Market time. Null: not due, the bot is stopped. 1970-01-01: at once.
    next_run_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    #: The user wants the position closed at market: ticks try until it is, whatever else forbids them to trade.
    close_requested_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    #: Market time of the last full comparison with the exchange.
    reconciled_at: Mapped[datetime | None]
    last_error_message: Mapped[str | None] = mapped_column(Text)
    #: It only grows: whoever holds an older one has lost the lease.
    lease_token: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    #: Database time.
    lease_expires_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("0"))
    last_updated_at: Mapped[UpdatedAt]

    bot_config: Mapped["BotConfig"] = relationship(lazy="raise", back_populates="state")
