"""What a backtest hands out, in columns of integers: trades, equity, days, skipped entries and gaps."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, overload

from tradebot.domain.order import ENTRY_REASON, ExitReason, Leg, OrderType, Side
from tradebot.domain.position import PositionSide
from tradebot.engine.notes import NoteCode

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from tradebot.engine.backtest_setup import Units

#: A column holds the index of its word here. The order is fixed: new words go to the end.
REASONS: Final[tuple[str, ...]] = (
    ENTRY_REASON,
    ExitReason.EXIT_SIGNAL,
    ExitReason.STOP_LOSS,
    ExitReason.TRAILING_STOP,
    ExitReason.TAKE_PROFIT,
    ExitReason.LIQUIDATION,
    ExitReason.DAILY_LOSS,
    ExitReason.DAILY_TARGET,
    ExitReason.MANUAL,
)
SKIPS: Final[tuple[NoteCode, ...]] = (
    NoteCode.GAP,
    NoteCode.STALE_SIGNAL,
    NoteCode.PAUSED_DAILY_LOSS,
    NoteCode.PAUSED_DAILY_TARGET,
    NoteCode.PAUSED_MAX_TRADES,
    NoteCode.NO_FREE_BALANCE,
    NoteCode.BELOW_MIN_QTY,
    NoteCode.BELOW_MIN_NOTIONAL,
    NoteCode.BEYOND_BRACKET,
)


def _integers() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class BacktestTrade:
    """One executed order: an entry or an exit. Quote, fee, funding and PnL in quote; quantity in base."""

    #: At the open: the candle's open time. In its range: its close time less a millisecond, as Binance writes it.
    at_ms: int
    #: Open time of the candle that it was executed in.
    candle_ms: int
    leg: Leg
    position_side: PositionSide
    reason: str
    order_type: OrderType
    quantity: Decimal
    price: Decimal
    quote: Decimal
    #: Value of the commission in quote, and the commission itself: in base for a spot entry, else in quote.
    fee: Decimal
    commission: Decimal
    #: Of the whole holding time, on the exit: below zero where it was paid.
    funding: Decimal
    #: Net of both fees and of funding; None on an entry.
    realized_pnl: Decimal | None

    @property
    def side(self) -> Side:
        """Which way the order traded."""
        return self.position_side.entry_side if self.leg is Leg.ENTRY else self.position_side.exit_side


@dataclass(slots=True)
class TradeColumns(Sequence[BacktestTrade]):
    """Trades in the order in which they happened; read as a sequence of BacktestTrade, or by column."""

    units: Units
    at_ms: array[int] = field(default_factory=_integers)
    candle_ms: array[int] = field(default_factory=_integers)
    #: 0 entry, 1 exit.
    leg: array[int] = field(default_factory=_integers)
    #: +1 long, -1 short.
    position_side: array[int] = field(default_factory=_integers)
    #: Index in REASONS.
    reason: array[int] = field(default_factory=_integers)
    #: 1: a resting limit, maker; 0: market.
    is_maker: array[int] = field(default_factory=_integers)
    #: Price units; quantity units; the rest money units but for a spot entry's commission: quantity units.
    price: array[int] = field(default_factory=_integers)
    quantity: array[int] = field(default_factory=_integers)
    quote: array[int] = field(default_factory=_integers)
    fee: array[int] = field(default_factory=_integers)
    commission: array[int] = field(default_factory=_integers)
    #: 1: the commission is in base.
    is_base_commission: array[int] = field(default_factory=_integers)
    funding: array[int] = field(default_factory=_integers)
    #: 0 on an entry.
    realized_pnl: array[int] = field(default_factory=_integers)

    def __len__(self) -> int:
        return len(self.at_ms)

    @overload
    def __getitem__(self, index: int) -> BacktestTrade: ...
    @overload
    def __getitem__(self, index: slice) -> list[BacktestTrade]: ...
    def __getitem__(self, index: int | slice) -> BacktestTrade | list[BacktestTrade]:
        """Return a trade as a value."""
        if isinstance(index, slice):
            return [self._trade(number) for number in range(*index.indices(len(self)))]
        return self._trade(range(len(self))[index])

    def _trade(self, number: int) -> BacktestTrade:
        units, is_entry = self.units, self.leg[number] == 0
        commission = self.commission[number]
        return BacktestTrade(
            at_ms=self.at_ms[number],
            candle_ms=self.candle_ms[number],
            leg=Leg.ENTRY if is_entry else Leg.EXIT,
            position_side=PositionSide.LONG if self.position_side[number] > 0 else PositionSide.SHORT,
            reason=str(REASONS[self.reason[number]]),
            order_type=OrderType.LIMIT if self.is_maker[number] else OrderType.MARKET,
            quantity=units.quantity(self.quantity[number]),
            price=units.price(self.price[number]),
            quote=units.money(self.quote[number]),
            fee=units.money(self.fee[number]),
            commission=units.quantity(commission) if self.is_base_commission[number] else units.money(commission),
            funding=units.money(self.funding[number]),
            realized_pnl=None if is_entry else units.money(self.realized_pnl[number]),
        )

    def extend(self, later: TradeColumns) -> None:
        """Add the trades of the next chunk."""
        for column in fields(self)[1:]:
            getattr(self, column.name).extend(getattr(later, column.name))


@dataclass(slots=True)
class DayColumns:
    """UTC days that came to their end, as a following candle shows. The open day stands in the state."""

    #: Days since 1970.
    day: array[int] = field(default_factory=_integers)
    #: Money units: equity at the last close before the day, equity at its own last close, realised in it.
    base: array[int] = field(default_factory=_integers)
    end: array[int] = field(default_factory=_integers)
    realized_pnl: array[int] = field(default_factory=_integers)
    #: Entries filled.
    entries: array[int] = field(default_factory=_integers)

    def __len__(self) -> int:
        return len(self.day)

    def extend(self, later: DayColumns) -> None:
        """Add the days of the next chunk."""
        for column in fields(self):
            getattr(self, column.name).extend(getattr(later, column.name))


@dataclass(frozen=True, slots=True)
class BacktestDay:
    """One UTC day; the base is the equity at the last close before it."""

    day: date
    base: Decimal
    end: Decimal
    realized_pnl: Decimal
    entries: int


@dataclass(slots=True)
class BacktestOutput:
    """What one call of `simulate` adds. Outputs of consecutive chunks are joined by `extend`."""

    units: Units
    #: Candles of this call that only warmed the indicators up.
    warm_up: int = 0
    #: Equity at the close, in money units, of each candle after the first `warm_up` ones of this call.
    equity: array[int] = field(default_factory=_integers)
    trades: TradeColumns = field(init=False)
    days: DayColumns = field(default_factory=DayColumns)
    #: Close time of the deciding candle of each entry that was signalled and not made, and why: index in SKIPS.
    skipped_at_ms: array[int] = field(default_factory=_integers)
    skipped_reason: array[int] = field(default_factory=_integers)
    #: Holes: the close before and the open after.
    gap_from_ms: array[int] = field(default_factory=_integers)
    gap_to_ms: array[int] = field(default_factory=_integers)

    def __post_init__(self) -> None:
        """Give the trades the same units."""
        self.trades = TradeColumns(self.units)

    def extend(self, later: BacktestOutput) -> None:
        """Add the output of the next chunk."""
        self.warm_up += later.warm_up
        self.trades.extend(later.trades)
        self.days.extend(later.days)
        for name in ("equity", "skipped_at_ms", "skipped_reason", "gap_from_ms", "gap_to_ms"):
            getattr(self, name).extend(getattr(later, name))
