"""Round trips (an entry and its exit) and what they add up to. Amounts are integers in one money unit."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from tradebot.engine.backtest_output import REASONS
from tradebot.engine.statistics.equity import DAY_MS
from tradebot.engine.statistics.rounding import ratio, rounded

if TYPE_CHECKING:
    from tradebot.engine.backtest_output import TradeColumns
    from tradebot.engine.statistics.equity import EquityCurve


@dataclass(slots=True)
class ReasonTotal:
    """How many exits had one reason, and what they realised."""

    count: int = 0
    realized_pnl: int = 0


@dataclass(slots=True)
class DayTotal:
    """What was executed in the candles of one UTC day."""

    entries: int = 0
    round_trips: int = 0
    wins: int = 0
    realized_pnl: int = 0
    fees: int = 0


@dataclass(slots=True)
class RoundTrips:
    """Win > 0, loss < 0: one that ends where it began is neither."""

    count: int = 0
    wins: int = 0
    losses: int = 0
    gross_profit: int = 0
    #: At most 0.
    gross_loss: int = 0
    #: Of every execution, an open position's entry included.
    fees: int = 0
    best: int | None = None
    worst: int | None = None
    #: From entry to exit, one per round trip.
    holding_ms: list[int] = field(default_factory=list)
    by_reason: dict[str, ReasonTotal] = field(default_factory=dict)
    by_day: dict[int, DayTotal] = field(default_factory=dict)

    @property
    def realized_pnl(self) -> int:
        """Net of both fees and of funding."""
        return self.gross_profit + self.gross_loss


def read_round_trips(trades: TradeColumns) -> RoundTrips:
    """Add the executions up. Every exit closes the whole position that the entry before it opened."""
    total, entered_at_ms = RoundTrips(), 0
    columns = zip(
        trades.at_ms, trades.candle_ms, trades.leg, trades.reason, trades.fee, trades.realized_pnl, strict=True
    )
    for at_ms, candle_ms, leg, reason, fee, realized in columns:
        day = total.by_day.get(candle_ms // DAY_MS)
        if day is None:
            day = total.by_day[candle_ms // DAY_MS] = DayTotal()
        total.fees += fee
        day.fees += fee
        if leg == 0:
            day.entries += 1
            entered_at_ms = at_ms
            continue
        total.holding_ms.append(at_ms - entered_at_ms)
        day.round_trips += 1
        day.wins += realized > 0
        day.realized_pnl += realized
        _add_result(total, reason, realized)
    return total


def _add_result(total: RoundTrips, reason: int, realized: int) -> None:
    total.count += 1
    if realized > 0:
        total.wins += 1
        total.gross_profit += realized
    elif realized < 0:
        total.losses += 1
        total.gross_loss += realized
    total.best = realized if total.best is None else max(total.best, realized)
    total.worst = realized if total.worst is None else min(total.worst, realized)
    of_reason = total.by_reason.setdefault(REASONS[reason], ReasonTotal())
    of_reason.count += 1
    of_reason.realized_pnl += realized


def profit_factor(trips: RoundTrips) -> float | None:
    """Return gross profit / gross loss; None without a loss.

    Schwager, "Schwager on Futures: Technical Analysis" (1996), chapter 21.
    """
    return ratio(trips.gross_profit, -trips.gross_loss)


def expectancy(trips: RoundTrips) -> Fraction | None:
    """Return win rate x mean win - loss rate x mean loss, in money units per round trip; None without a round trip.

    Tharp, "Trade Your Way to Financial Freedom" (1998), chapter 6. It is the mean result, however the rates are cut.
    """
    return Fraction(trips.gross_profit + trips.gross_loss, trips.count) if trips.count else None


def expectancy_per_loss(trips: RoundTrips) -> float | None:
    """Return the expectancy as a multiple of the mean loss (Tharp's R); None without a loss."""
    mean = expectancy(trips)
    if mean is None or not trips.losses:
        return None
    return rounded(mean / Fraction(-trips.gross_loss, trips.losses))


@dataclass(frozen=True, slots=True)
class PeriodRow:
    """A day or a month: equity before it and at its end, and what was executed in it."""

    #: `2023-03-13` or `2023-03`.
    period: str
    start: int
    end: int
    entries: int
    round_trips: int
    wins: int
    realized_pnl: int
    fees: int

    @property
    def total_return(self) -> float | None:
        """Return end / start - 1."""
        return ratio(self.end - self.start, self.start) if self.start > 0 else None


def daily_rows(curve: EquityCurve, trips: RoundTrips) -> list[PeriodRow]:
    """Return a row for each UTC day with candles."""
    nothing = DayTotal()
    rows = []
    for day in curve.days:
        done = trips.by_day.get(day.number, nothing)
        rows.append(
            PeriodRow(
                day.date.isoformat(),
                day.base,
                day.end,
                done.entries,
                done.round_trips,
                done.wins,
                done.realized_pnl,
                done.fees,
            )
        )
    return rows


def monthly_rows(days: list[PeriodRow]) -> list[PeriodRow]:
    """Return a row for each calendar month of the daily rows."""
    months: dict[str, PeriodRow] = {}
    for day in days:
        name = day.period[:7]
        so_far = months.get(name)
        months[name] = PeriodRow(
            name,
            day.start if so_far is None else so_far.start,
            day.end,
            day.entries + (so_far.entries if so_far else 0),
            day.round_trips + (so_far.round_trips if so_far else 0),
            day.wins + (so_far.wins if so_far else 0),
            day.realized_pnl + (so_far.realized_pnl if so_far else 0),
            day.fees + (so_far.fees if so_far else 0),
        )
    return list(months.values())
