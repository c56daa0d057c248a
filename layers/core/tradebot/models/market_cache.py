"""What the market says to everybody: symbols with their filters, closed candles. Read once for all bots."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tradebot.models.base import Base, Id, not_negative, positive


class Market(Base):
    """One venue's list of symbols: when it was read, and who is reading it."""

    __tablename__ = "markets"

    venue: Mapped[str] = mapped_column(String(40), primary_key=True)
    listed_at: Mapped[datetime | None]
    #: Whoever reads the list holds it until then.
    fetching_until: Mapped[datetime | None]


class MarketSymbol(Base):
    """A symbol's filters, as the exchange states them. Numbers keep the decimals that they came with."""

    __tablename__ = "market_symbols"
    __table_args__ = (*positive("tick_size", "step_size", "max_qty"), *not_negative("min_qty", "min_notional"))

    venue: Mapped[str] = mapped_column(ForeignKey("markets.venue", ondelete="CASCADE"), primary_key=True)
    symbol: Mapped[str] = mapped_column(String(30), primary_key=True)
    #: As the exchange says: TRADING, BREAK, HALT, ...
    status: Mapped[str] = mapped_column(String(30))
    base_asset: Mapped[str] = mapped_column(String(30))
    quote_asset: Mapped[str] = mapped_column(String(30))
    tick_size: Mapped[Decimal] = mapped_column(Numeric)
    step_size: Mapped[Decimal] = mapped_column(Numeric)
    min_qty: Mapped[Decimal] = mapped_column(Numeric)
    max_qty: Mapped[Decimal] = mapped_column(Numeric)
    min_notional: Mapped[Decimal] = mapped_column(Numeric)


class CandleSeries(Base):
    """Candles of one symbol and timeframe: what is covered without a hole, and who is reading more."""

    __tablename__ = "candle_series"
    __table_args__ = (UniqueConstraint("venue", "symbol", "timeframe"), *positive("opening_price"))

    id: Mapped[Id]
    venue: Mapped[str] = mapped_column(String(40))
    symbol: Mapped[str] = mapped_column(String(30))
    timeframe: Mapped[str] = mapped_column(String(3))
    #: Every candle that exists with its open in [covered_from, covered_to) is stored.
    covered_from: Mapped[datetime | None]
    covered_to: Mapped[datetime | None]
    #: The exchange was asked for candles up to there, at that time, whether it had them or not.
    answered_to: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    #: The newest candle that has begun to trade, and its first price.
    opening_at: Mapped[datetime | None]
    opening_price: Mapped[Decimal | None] = mapped_column(Numeric)
    fetching_until: Mapped[datetime | None]


class StoredCandle(Base):
    """A closed candle. It never changes."""

    __tablename__ = "candles"
    __table_args__ = (*positive("open", "high", "low", "close"), *not_negative("volume"))

    series_id: Mapped[int] = mapped_column(ForeignKey("candle_series.id", ondelete="CASCADE"), primary_key=True)
    open_at: Mapped[datetime] = mapped_column(primary_key=True)
    open: Mapped[Decimal] = mapped_column(Numeric)
    high: Mapped[Decimal] = mapped_column(Numeric)
    low: Mapped[Decimal] = mapped_column(Numeric)
    close: Mapped[Decimal] = mapped_column(Numeric)
    volume: Mapped[Decimal] = mapped_column(Numeric)
