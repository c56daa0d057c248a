"""The report of a backtest. Money is exact Decimal in quote, ratios are floats of ten digits, returns are fractions.

What the sample cannot carry is None: ratios under two days, a profit factor without a loss.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tradebot.domain.money import canonical
from tradebot.engine.backtest_output import SKIPS
from tradebot.engine.candles import from_ms
from tradebot.engine.ledger import unrealized_pnl
from tradebot.engine.statistics.equity import EquityCurve
from tradebot.engine.statistics.ratios import calmar_ratio, compound_annual_growth_rate, sharpe_ratio, sortino_ratio
from tradebot.engine.statistics.round_trips import (
    daily_rows,
    expectancy,
    expectancy_per_loss,
    monthly_rows,
    profit_factor,
    read_round_trips,
)
from tradebot.engine.statistics.rounding import ratio, rounded

if TYPE_CHECKING:
    from tradebot.domain.position import PositionSide
    from tradebot.engine.backtest_output import BacktestOutput
    from tradebot.engine.backtest_setup import BacktestSetup, Units
    from tradebot.engine.backtest_state import BacktestState
    from tradebot.engine.candles import CandleArray
    from tradebot.engine.statistics.equity import Drawdown
    from tradebot.engine.statistics.round_trips import PeriodRow, RoundTrips


@dataclass(frozen=True, slots=True)
class DrawdownReport:
    """A fall of the equity at candle closes, in money and as a fraction of its peak."""

    depth: float
    amount: Decimal
    #: From the last close at the peak to the first one that reaches it again, else to the end.
    duration_seconds: int
    peak_at: datetime
    trough_at: datetime
    recovered_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenPosition:
    """What is still held at the end: marked at the last close, not sold.

    final_capital = initial_capital + realized_pnl + unrealized_pnl - entry_fee + funding of the open position.
    """

    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    opened_at: datetime
    last_price: Decimal
    unrealized_pnl: Decimal
    #: Paid already, and borne by the exit's row when there is one.
    entry_fee: Decimal
    funding: Decimal


@dataclass(frozen=True, slots=True)
class ReasonReport:
    """Exits of one reason."""

    count: int
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """A UTC day or a calendar month."""

    #: `2023-03-13` or `2023-03`.
    period: str
    start_equity: Decimal
    end_equity: Decimal
    total_return: float | None
    realized_pnl: Decimal
    fees: Decimal
    entries: int
    round_trips: int
    wins: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a backtest reports beside its trades and its curve."""

    start_at: datetime
    #: Close of the last candle.
    end_at: datetime
    candles: int
    warm_up_candles: int
    initial_capital: Decimal
    #: Equity at the last close.
    final_capital: Decimal
    total_return: float
    #: First open to last close.
    buy_and_hold_return: float | None
    realized_pnl: Decimal
    open_position: OpenPosition | None
    #: Round trips; orders are `entries` more or less.
    total_trades: int
    winning_trades: int
    losing_trades: int
    #: A fraction of the round trips.
    win_rate: float | None
    #: Mean realised PnL per round trip, in quote.
    avg_profit: float | None
    #: With the open position's entry fee.
    total_fees: Decimal
    #: Below zero where it was paid; the open position's included.
    total_funding: Decimal
    #: Funding stamps whose rate was not in the history given, and was assumed.
    funding_assumed: int
    max_drawdown: DrawdownReport | None
    longest_drawdown: DrawdownReport | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    cagr: float | None
    calmar_ratio: float | None
    profit_factor: float | None
    #: In quote per round trip; and as a multiple of the mean loss.
    expectancy: float | None
    expectancy_per_loss: float | None
    #: Candles with a position / candles.
    exposure: float | None
    best_trade: Decimal | None
    worst_trade: Decimal | None
    best_day: float | None
    worst_day: float | None
    avg_holding_seconds: float | None
    longest_holding_seconds: float | None
    entry_signals: int
    entries: int
    #: Reason -> entries that were signalled and not made.
    skipped_entries: dict[str, int]
    gaps: int
    exits_by_reason: dict[str, ReasonReport]
    days: tuple[PeriodReport, ...]
    months: tuple[PeriodReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object: decimals as plain digits in strings, times in ISO 8601."""
        data = _json(self)
        assert isinstance(data, dict)
        return data


def build_report(setup: BacktestSetup, state: BacktestState, candles: CandleArray, output: BacktestOutput) -> Report:
    """Return the report of a whole run: all its candles, warm-up included, its joined output and its last state."""
    curve = start_curve(setup)
    curve.add(candles.open_time_ms[output.warm_up :], output.equity)
    return report_of(setup, state, curve, output)


def start_curve(setup: BacktestSetup) -> EquityCurve:
    """Return the empty curve of a backtest, for those who add it up chunk by chunk."""
    return EquityCurve(setup.parameters.timeframe, setup.units.money_units(setup.initial_capital))


def report_of(setup: BacktestSetup, state: BacktestState, curve: EquityCurve, output: BacktestOutput) -> Report:
    """Return the report of a curve that was added up; of the output, the equity is not read."""
    units, tally = setup.units, state.tally
    trips = read_round_trips(output.trades)
    daily = daily_rows(curve, trips)
    returns = curve.daily_returns() if curve.candles else None
    deepest, longest = curve.drawdowns()
    depth = ratio(deepest.peak - deepest.trough, deepest.peak) if deepest else None
    cagr = compound_annual_growth_rate(curve.last / curve.initial, curve.day_count)
    per_trade = expectancy(trips)
    last_close = state.memory.last_close
    return Report(
        start_at=from_ms(curve.start_at_ms),
        end_at=from_ms(curve.end_at_ms),
        candles=curve.candles,
        warm_up_candles=output.warm_up,
        initial_capital=setup.initial_capital,
        final_capital=units.money(curve.last),
        total_return=ratio(curve.last - curve.initial, curve.initial) or 0.0,
        buy_and_hold_return=ratio(last_close - tally.first_open, tally.first_open)
        if tally.first_open and last_close is not None
        else None,
        realized_pnl=units.money(trips.realized_pnl),
        open_position=_open_position(setup, state, output),
        total_trades=trips.count,
        winning_trades=trips.wins,
        losing_trades=trips.losses,
        win_rate=ratio(trips.wins, trips.count),
        avg_profit=_money_float(units, per_trade),
        total_fees=units.money(trips.fees),
        total_funding=tally.funding,
        funding_assumed=tally.funding_assumed,
        max_drawdown=_drawdown(units, deepest, curve),
        longest_drawdown=_drawdown(units, longest, curve),
        sharpe_ratio=sharpe_ratio(returns) if returns else None,
        sortino_ratio=sortino_ratio(returns) if returns else None,
        cagr=cagr,
        calmar_ratio=calmar_ratio(cagr, depth),
        profit_factor=profit_factor(trips),
        expectancy=_money_float(units, per_trade),
        expectancy_per_loss=expectancy_per_loss(trips),
        exposure=ratio(tally.candles_in_position, curve.candles),
        best_trade=None if trips.best is None else units.money(trips.best),
        worst_trade=None if trips.worst is None else units.money(trips.worst),
        best_day=rounded(max(returns)) if returns else None,
        worst_day=rounded(min(returns)) if returns else None,
        avg_holding_seconds=ratio(sum(trips.holding_ms), 1_000 * trips.count),
        longest_holding_seconds=max(trips.holding_ms) / 1_000 if trips.holding_ms else None,
        entry_signals=tally.entry_signals,
        entries=sum(day.entries for day in trips.by_day.values()),
        skipped_entries=_skipped(output),
        gaps=len(output.gap_from_ms),
        exits_by_reason=_reasons(units, trips),
        days=_periods(units, daily),
        months=_periods(units, monthly_rows(daily)),
    )


def _money_float(units: Units, amount: Any) -> float | None:
    return None if amount is None else ratio(amount, 10**units.money_decimals)


def _drawdown(units: Units, drawdown: Drawdown | None, curve: EquityCurve) -> DrawdownReport | None:
    if drawdown is None:
        return None
    fall = drawdown.peak - drawdown.trough
    return DrawdownReport(
        depth=ratio(fall, drawdown.peak) or 0.0,
        amount=units.money(fall),
        duration_seconds=drawdown.duration_ms(curve.end_at_ms) // 1_000,
        peak_at=from_ms(drawdown.peak_at_ms),
        trough_at=from_ms(drawdown.trough_at_ms),
        recovered_at=None if drawdown.recovered_at_ms is None else from_ms(drawdown.recovered_at_ms),
    )


def _open_position(setup: BacktestSetup, state: BacktestState, output: BacktestOutput) -> OpenPosition | None:
    memory = state.memory
    position = memory.position
    if position is None or memory.last_close is None:
        return None
    return OpenPosition(
        side=position.side,
        quantity=position.quantity,
        entry_price=position.entry_price,
        opened_at=position.opened_at,
        last_price=memory.last_close,
        unrealized_pnl=unrealized_pnl(memory, setup.rules, memory.last_close),
        entry_fee=position.entry_fee,
        # What no exit's row has borne yet.
        funding=state.tally.funding - setup.units.money(sum(output.trades.funding)),
    )


def _skipped(output: BacktestOutput) -> dict[str, int]:
    counts = {code.value: output.skipped_reason.count(number) for number, code in enumerate(SKIPS)}
    return {code: count for code, count in counts.items() if count}


def _reasons(units: Units, trips: RoundTrips) -> dict[str, ReasonReport]:
    by_count = sorted(trips.by_reason.items(), key=lambda item: (-item[1].count, item[0]))
    return {str(reason): ReasonReport(total.count, units.money(total.realized_pnl)) for reason, total in by_count}


def _periods(units: Units, rows: list[PeriodRow]) -> tuple[PeriodReport, ...]:
    return tuple(
        PeriodReport(
            period=row.period,
            start_equity=units.money(row.start),
            end_equity=units.money(row.end),
            total_return=row.total_return,
            realized_pnl=units.money(row.realized_pnl),
            fees=units.money(row.fees),
            entries=row.entries,
            round_trips=row.round_trips,
            wins=row.wins,
        )
        for row in rows
    )


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value):
        return {one.name: _json(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_json(item) for item in value]
    return value
