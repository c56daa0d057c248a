"""Runs candles through the compiled loop; what it cannot take it leaves to the plain one, untouched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.kernel.job import pack_job, unpack_job
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.loop import run_loop
from tradebot.engine.kernel.setup_block import FundingColumns, UnfitError, setup_block
from tradebot.engine.kernel.state_block import state_block, state_of
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.candles import CandleArray
    from tradebot.engine.kernel.loop import Rows


def simulate_compiled(
    setup: BacktestSetup, candles: CandleArray, state: BacktestState | None = None
) -> tuple[BacktestState, BacktestOutput] | None:
    """Do what `tradebot.engine.backtest.simulate` does; None where there is no kernel or it declines."""
    library = kernel()
    if library is None or candles.timeframe is not setup.parameters.timeframe:
        return None
    units = setup.units
    before = state or BacktestState.start(setup)
    try:
        funding = FundingColumns.of(setup.funding)
        given = setup_block(setup, candles.price_decimals, funding)
        now = state_block(setup, before, units)
    except (UnfitError, InvalidInputError):
        return None
    columns = (candles.open_time_ms, candles.open, candles.high, candles.low, candles.close)
    rows = run_loop(library, given, now, columns, funding.columns)
    return None if rows is None else (state_of(now, setup, before, units), output_of(setup, rows))


def first_job(setup: BacktestSetup, price_decimals: int) -> bytes | None:
    """Return the job before the first candle, for candles of that precision; None where `simulate` has to serve."""
    try:
        funding = FundingColumns.of(setup.funding)
        given = setup_block(setup, price_decimals, funding)
        start = state_block(setup, BacktestState.start(setup), setup.units)
    except (UnfitError, InvalidInputError):
        return None
    return pack_job(given, start, funding.columns)


def state_after(setup: BacktestSetup, job: bytes) -> BacktestState:
    """Return where a job of that setup stands."""
    _, now, _ = unpack_job(job)
    return state_of(now, setup, BacktestState.start(setup), setup.units)


def output_of(setup: BacktestSetup, rows: Rows) -> BacktestOutput:
    """Return what a run brought, as the plain engine hands it out; the columns are the same ones."""
    output = BacktestOutput(setup.units, rows.warm_up, rows.equity)
    for name, column in zip(_TRADE_COLUMNS, rows.trades, strict=True):
        setattr(output.trades, name, column)
    for name, column in zip(_DAY_COLUMNS, rows.days, strict=True):
        setattr(output.days, name, column)
    output.skipped_at_ms, output.skipped_reason = rows.skips
    output.gap_from_ms, output.gap_to_ms = rows.gaps
    return output


#: In the order of blocks.h.
_TRADE_COLUMNS: Final = (
    "at_ms",
    "candle_ms",
    "leg",
    "position_side",
    "reason",
    "is_maker",
    "price",
    "quantity",
    "quote",
    "fee",
    "commission",
    "is_base_commission",
    "funding",
    "realized_pnl",
)
_DAY_COLUMNS: Final = ("day", "base", "end", "realized_pnl", "entries")
