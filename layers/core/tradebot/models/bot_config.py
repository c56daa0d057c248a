"""What a user asked a bot to do. `engine.parameters` is the only reader of the strategy's columns."""

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradebot.models.base import (
    Base,
    CreatedAt,
    Id,
    Money,
    Percentage,
    UpdatedAt,
    between,
    known_values,
    one_of,
    percentage,
    positive,
)
from tradebot.models.enums import MarketType, Timeframe

if TYPE_CHECKING:
    from tradebot.models.api_key import ApiKey
    from tradebot.models.bot_state import BotState
    from tradebot.models.trade import Trade
    from tradebot.models.user import User


def _custom_integer(default: int) -> Mapped[int | None]:
    # An explicit null is a choice (the plain column counts), so it must not turn into the default.
    return mapped_column(Integer().evaluates_none(), server_default=text(str(default)))


def _custom_percentage(default: str) -> Mapped[Decimal | None]:
    return mapped_column(Numeric(9, 4).evaluates_none(), server_default=text(default))


class BotConfig(Base):
    """One bot's parameters. Percentages: 2 means 2 % of the fill price."""

    __tablename__ = "bot_configs"
    __table_args__ = (
        UniqueConstraint("id", "user_id"),
        ForeignKeyConstraint(
            ["api_key_id", "user_id"], ["api_keys.id", "api_keys.user_id"], ondelete="SET NULL (api_key_id)"
        ),
        Index(None, "api_key_id"),
        CheckConstraint("length(name) BETWEEN 1 AND 100", name="name_length"),
        CheckConstraint("symbol ~ '^[A-Z0-9]{2,20}(_[0-9]{6})?$'", name="symbol_shape"),
        # The registry knows the strategies: a new one is one file there and no migration.
        CheckConstraint("strategy ~ '^[a-z][a-z0-9_]{0,39}$'", name="strategy_shape"),
        known_values("timeframe", Timeframe),
        known_values("position_type", MarketType),
        *positive("initial_capital", "position_size_fixed", "transfer_amount"),
        percentage("daily_target_perc", "1000"),
        percentage("max_daily_loss_perc", "100"),
        percentage("position_size_perc", "100"),
        percentage("stop_loss_perc", "99"),
        percentage("take_profit_perc", "1000"),
        percentage("trailing_stop_perc", "99"),
        percentage("custom_stop_loss", "99"),
        percentage("custom_take_profit", "1000"),
        percentage("custom_trailing_stop", "99"),
        between("ema_fast", "1", "1000"),
        between("ema_slow", "1", "1000"),
        between("ema_period", "1", "1000"),
        between("custom_ema_fast", "1", "1000"),
        between("custom_ema_slow", "1", "1000"),
        between("rsi_period", "2", "1000"),
        between("custom_rsi_period", "2", "1000"),
        CheckConstraint("ema_fast < ema_slow", name="ema_order"),
        CheckConstraint(
            "strategy <> 'custom' OR COALESCE(custom_ema_fast, ema_fast) < COALESCE(custom_ema_slow, ema_slow)",
            name="custom_ema_order",
        ),
        CheckConstraint(
            "0 < rsi_oversold AND rsi_oversold < rsi_overbought AND rsi_overbought < 100", name="rsi_order"
        ),
        CheckConstraint(
            "custom_rsi_oversold > 0 AND custom_rsi_oversold < 100"
            " AND custom_rsi_overbought > 0 AND custom_rsi_overbought < 100",
            name="custom_rsi_range",
        ),
        CheckConstraint(
            "strategy <> 'custom' OR"
            " COALESCE(custom_rsi_oversold, rsi_oversold) < COALESCE(custom_rsi_overbought, rsi_overbought)",
            name="custom_rsi_order",
        ),
        CheckConstraint(
            "NOT trailing_stop_active OR trailing_stop_perc IS NOT NULL"
            " OR (strategy = 'custom' AND custom_trailing_stop IS NOT NULL)",
            name="trailing_stop_has_its_distance",
        ),
        between("leverage", "1", "125"),
        CheckConstraint("max_daily_trades >= 1", name="max_daily_trades_positive"),
        # The longest timeframe is a month of 31 days.
        between("check_interval_seconds", "1", "2678400"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    symbol: Mapped[str] = mapped_column(String(30))
    timeframe: Mapped[Timeframe] = mapped_column(one_of(Timeframe, 8))
    is_active: Mapped[bool] = mapped_column(server_default=false())
    #: Quote currency; null reads the free balance once, when the bot starts.
    initial_capital: Mapped[Money | None]
    daily_target_perc: Mapped[Percentage | None]
    max_daily_loss_perc: Mapped[Percentage | None]
    position_size_perc: Mapped[Percentage | None]
    #: Quote currency.
    position_size_fixed: Mapped[Money | None]
    stop_loss_perc: Mapped[Percentage]
    take_profit_perc: Mapped[Percentage]
    trailing_stop_perc: Mapped[Percentage | None]
    trailing_stop_active: Mapped[bool] = mapped_column(server_default=false())
    ema_fast: Mapped[int]
    ema_slow: Mapped[int]
    rsi_period: Mapped[int]
    rsi_oversold: Mapped[int]
    rsi_overbought: Mapped[int]
    max_daily_trades: Mapped[int | None]
    check_interval_seconds: Mapped[int] = mapped_column(server_default=text("60"))
    #: Null trades on paper.
    api_key_id: Mapped[int | None]
    strategy: Mapped[str] = mapped_column(String(40), server_default="simple")
    #: Of `simple`; null is `ema_slow`.
    ema_period: Mapped[int | None]
    custom_ema_fast: Mapped[int | None] = _custom_integer(8)
    custom_ema_slow: Mapped[int | None] = _custom_integer(21)
    custom_rsi_period: Mapped[int | None] = _custom_integer(7)
    custom_rsi_oversold: Mapped[int | None] = _custom_integer(35)
    custom_rsi_overbought: Mapped[int | None] = _custom_integer(65)
    custom_stop_loss: Mapped[Decimal | None] = _custom_percentage("0.5")
    custom_take_profit: Mapped[Decimal | None] = _custom_percentage("1.5")
    custom_trailing_stop: Mapped[Decimal | None] = _custom_percentage("0.3")
    position_type: Mapped[MarketType] = mapped_column(one_of(MarketType, 8), server_default=MarketType.SPOT.value)
    #: Quote currency.
    transfer_amount: Mapped[Money | None]
    #: No user's money moves unasked.
    auto_transfer_funds: Mapped[bool] = mapped_column(server_default=false())
    #: Counts on futures only.
    leverage: Mapped[int] = mapped_column(server_default=text("10"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped["User"] = relationship(lazy="raise", viewonly=True, back_populates="bot_configs")
    api_key: Mapped["ApiKey | None"] = relationship(lazy="raise", viewonly=True, back_populates="bot_configs")
    #: Made with its config, in one transaction.
    state: Mapped["BotState"] = relationship(lazy="raise", back_populates="bot_config", passive_deletes=True)
    trades: Mapped[list["Trade"]] = relationship(lazy="raise", viewonly=True, back_populates="bot_config")
