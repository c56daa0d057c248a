"""Historical simulations: what was asked, how far it is, what came out."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, Text, desc, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tradebot.models.base import Base, CreatedAt, Id, UpdatedAt, between, known_values, one_of
from tradebot.models.enums import BacktestStatus, MarketType, Timeframe

if TYPE_CHECKING:
    from tradebot.models.user import User


#: What still has an execution, or ought to have one.
UNFINISHED = "status IN ('pending', 'running')"


def _finite(column: str) -> CheckConstraint:
    # In Postgres' order NaN stands above Infinity.
    return CheckConstraint(f"{column} > '-Infinity' AND {column} < 'Infinity'", name=f"{column}_finite")


class Backtest(Base):
    """Results are the seed's floats; the exact figures are strings in `metrics`."""

    __tablename__ = "backtests"
    __table_args__ = (
        # Of a bot's own past; it outlives the bot.
        ForeignKeyConstraint(
            ["bot_config_id", "user_id"],
            ["bot_configs.id", "bot_configs.user_id"],
            ondelete="SET NULL (bot_config_id)",
        ),
        Index(None, "bot_config_id"),
        # Those that maintenance looks after, of all users.
        Index("ix_backtests_unfinished", "created_at", postgresql_where=text(UNFINISHED)),
        Index("ix_backtests_user_id_created_at", "user_id", desc("created_at"), desc("id")),
        known_values("interval", Timeframe),
        known_values("market_type", MarketType),
        known_values("status", BacktestStatus),
        CheckConstraint("symbol ~ '^[A-Z0-9]{2,20}(_[0-9]{6})?$'", name="symbol_shape"),
        # ISO-8601 sorts as text.
        CheckConstraint("start_date < end_date", name="dates_in_order"),
        CheckConstraint("test_mode IN ('true', 'false')", name="test_mode_known"),
        CheckConstraint("initial_capital > 0 AND initial_capital < 'Infinity'", name="initial_capital_positive"),
        _finite("final_capital"),
        _finite("total_return"),
        _finite("total_fees"),
        _finite("avg_profit"),
        between("win_rate", "0", "1"),
        between("progress", "0", "1"),
        between("leverage", "1", "125"),
        CheckConstraint(
            "estimated_seconds >= 0 AND estimated_seconds < 'Infinity'", name="estimated_seconds_not_negative"
        ),
        CheckConstraint("total_trades >= 0 AND winning_trades >= 0 AND losing_trades >= 0", name="counts_not_negative"),
    )

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    bot_config_id: Mapped[int | None]
    symbol: Mapped[str] = mapped_column(String(30))
    interval: Mapped[Timeframe] = mapped_column(one_of(Timeframe, 8))
    #: ISO-8601.
    start_date: Mapped[str] = mapped_column(String(40))
    end_date: Mapped[str] = mapped_column(String(40))
    parameters: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    initial_capital: Mapped[float]
    final_capital: Mapped[float | None]
    #: A fraction.
    total_return: Mapped[float | None]
    total_trades: Mapped[int | None]
    winning_trades: Mapped[int | None]
    losing_trades: Mapped[int | None]
    #: A fraction.
    win_rate: Mapped[float | None]
    total_fees: Mapped[float | None]
    avg_profit: Mapped[float | None]
    daily_results: Mapped[list[dict[str, Any]] | None]
    monthly_results: Mapped[list[dict[str, Any]] | None]
    test_mode: Mapped[str] = mapped_column(String(8), server_default="true")
    market_type: Mapped[MarketType] = mapped_column(one_of(MarketType, 8), server_default=MarketType.SPOT.value)
    leverage: Mapped[int] = mapped_column(server_default=text("10"))
    status: Mapped[BacktestStatus] = mapped_column(one_of(BacktestStatus), server_default=BacktestStatus.PENDING.value)
    #: 0 to 1.
    progress: Mapped[float] = mapped_column(server_default=text("0"))
    #: Of the whole run, as far as its plan could tell.
    estimated_seconds: Mapped[float | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    execution_name: Mapped[str | None] = mapped_column(String(80), unique=True)
    error_message: Mapped[str | None] = mapped_column(Text)
    metrics: Mapped[dict[str, Any] | None]
    candles_uri: Mapped[str | None] = mapped_column(Text)
    equity_curve_uri: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped["User"] = relationship(lazy="raise", viewonly=True, back_populates="backtests")
