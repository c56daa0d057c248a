"""Runs candles through the compiled loop; what it cannot take it leaves to the plain one, untouched."""

from __future__ import annotations

from array import array
from ctypes import CDLL, byref
from typing import TYPE_CHECKING, ClassVar, Final

from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.kernel.blocks import (
    DAY_COLUMNS,
    GAP_COLUMNS,
    SKIP_COLUMNS,
    TRADE_COLUMNS,
    InputBlock,
    OutputBlock,
    SetupBlock,
    StateBlock,
    TableBlock,
)
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.setup_block import FundingColumns, UnfitError, setup_block
from tradebot.engine.kernel.state_block import state_block, state_of
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.candles import CandleArray

#: Rows that a table holds before it is emptied: at least what one block of candles can fill (blocks.h). No power of
#: two, or the columns of a row would contend for the same lines of the processor's cache.
TRADE_ROWS: Final = 33_000
OTHER_ROWS: Final = 4_096
#: Bytes of a cell.
WIDTH: Final = 8
#: What `tradebot_kernel_run` answers.
_DONE: Final = 0
_FULL: Final = 1


class Table:
    """Columns that the kernel fills and Python empties."""

    def __init__(self, columns: int, capacity: int) -> None:
        self.capacity = capacity
        self.cells = array("q", [0]) * (columns * capacity)
        self._bytes = memoryview(self.cells).cast("B")

    def block(self) -> TableBlock:
        """Return where it lies."""
        return TableBlock(self.cells.buffer_info()[0], self.capacity, 0)

    def empty_into(self, block: TableBlock, columns: list[array[int]]) -> None:
        """Append the rows to `columns` and forget them."""
        count = block.count
        if count:
            for number, column in enumerate(columns):
                begin = number * self.capacity
                column.frombytes(self._bytes[begin * WIDTH : (begin + count) * WIDTH])
        block.count = 0


class Tables:
    """One set of tables. A set that is not in use waits for the next run: fresh pages cost more than their filling."""

    _waiting: ClassVar[list[Tables]] = []

    def __init__(self) -> None:
        self.trades, self.days = Table(TRADE_COLUMNS, TRADE_ROWS), Table(DAY_COLUMNS, OTHER_ROWS)
        self.skips, self.gaps = Table(SKIP_COLUMNS, OTHER_ROWS), Table(GAP_COLUMNS, OTHER_ROWS)

    @classmethod
    def take(cls) -> Tables:
        """Return a set that nobody else uses, whatever thread asks."""
        try:
            return cls._waiting.pop()
        except IndexError:
            return Tables()

    def give_back(self) -> None:
        """Let the next run have it."""
        self._waiting.append(self)


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
        given, now = setup_block(setup, candles, funding), state_block(setup, before, units)
    except (UnfitError, InvalidInputError):
        return None
    output = BacktestOutput(units, warm_up=min(before.warm_up_left, len(candles)))
    output.equity = array("q", [0]) * (len(candles) - output.warm_up)
    if not _run(library, (given, now, _input(candles, funding)), output):
        return None
    return state_of(now, setup, before, units), output


def _input(candles: CandleArray, funding: FundingColumns) -> InputBlock:
    columns = (candles.open_time_ms, candles.open, candles.high, candles.low, candles.close)
    history = (funding.at_ms, funding.rate, funding.mark)
    return InputBlock(
        *(column.buffer_info()[0] for column in columns),
        len(candles),
        0,
        *(column.buffer_info()[0] for column in history),
    )


def _run(library: CDLL, given: tuple[SetupBlock, StateBlock, InputBlock], output: BacktestOutput) -> bool:
    """Call the kernel until every candle is taken; False where it declines."""
    tables = Tables.take()
    trades, days, skips, gaps = tables.trades, tables.days, tables.skips, tables.gaps
    to = OutputBlock(
        output.equity.buffer_info()[0], output.warm_up, *(table.block() for table in (trades, days, skips, gaps))
    )
    trade_columns = [getattr(output.trades, name) for name in _TRADE_COLUMNS]
    day_columns = [getattr(output.days, name) for name in _DAY_COLUMNS]
    answer = _FULL
    while answer == _FULL:
        answer = library.tradebot_kernel_run(*map(byref, given), byref(to))
        trades.empty_into(to.trades, trade_columns)
        days.empty_into(to.days, day_columns)
        skips.empty_into(to.skips, [output.skipped_at_ms, output.skipped_reason])
        gaps.empty_into(to.gaps, [output.gap_from_ms, output.gap_to_ms])
    tables.give_back()
    return answer == _DONE


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
