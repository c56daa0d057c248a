"""Calls the compiled loop: integers in, integers out. It knows neither the domain nor a decimal.

A process that only simulates loads this, `blocks`, `library` and `job`: milliseconds, where the domain takes tens.
"""

from __future__ import annotations

from array import array
from ctypes import addressof, byref, c_char

from tradebot.engine.kernel.blocks import (
    DAY_COLUMNS,
    GAP_COLUMNS,
    SIGNALS,
    SKIP_COLUMNS,
    TRADE_COLUMNS,
    InputBlock,
    OutputBlock,
    TableBlock,
)

TYPE_CHECKING = False  # `typing` takes longer to load than all of the kernel
if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL
    from typing import ClassVar, Final

    from tradebot.engine.kernel.blocks import SetupBlock, StateBlock

    #: 64-bit integers in one piece of writable memory: an array, a view of a private mapping of a file.
    Column = array[int] | memoryview

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

    def empty_into(self, block: TableBlock, columns: Sequence[array[int]]) -> None:
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
        self.signals = array("B", bytes(SIGNALS))

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


class Rows:
    """What a run brought, in the columns of blocks.h, which are those of `BacktestOutput` in its order."""

    __slots__ = ("days", "equity", "gaps", "skips", "trades", "warm_up")

    def __init__(self, warm_up: int, candles: int) -> None:
        self.warm_up = warm_up
        self.equity = array("q", [0]) * (candles - warm_up)
        self.trades = _columns(TRADE_COLUMNS)
        self.days = _columns(DAY_COLUMNS)
        self.skips = _columns(SKIP_COLUMNS)
        self.gaps = _columns(GAP_COLUMNS)


def _columns(count: int) -> tuple[array[int], ...]:
    return tuple(array("q") for _ in range(count))


def address_of(column: Column) -> int:
    """Return where a column lies, for as long as it is kept."""
    if isinstance(column, array):
        return column.buffer_info()[0]
    return addressof(c_char.from_buffer(column)) if len(column) else 0


def run_loop(
    library: CDLL, setup: SetupBlock, state: StateBlock, candles: Sequence[Column], funding: Sequence[Column]
) -> Rows | None:
    """Take candles (open time, open, high, low, close) and change `state`; None where the kernel declines."""
    count = len(candles[0])
    rows, tables = Rows(min(state.warm_up_left, count), count), Tables.take()
    given = InputBlock(*map(address_of, candles), count, 0, *map(address_of, (*funding, tables.signals)))
    parts = (
        (tables.trades, rows.trades),
        (tables.days, rows.days),
        (tables.skips, rows.skips),
        (tables.gaps, rows.gaps),
    )
    blocks = [table.block() for table, _ in parts]
    to = OutputBlock(address_of(rows.equity), rows.warm_up, *blocks)
    filled = (to.trades, to.days, to.skips, to.gaps)
    answer = _FULL
    while answer == _FULL:
        answer = library.tradebot_kernel_run(byref(setup), byref(state), byref(given), byref(to))
        for (table, columns), block in zip(parts, filled, strict=True):
            table.empty_into(block, columns)
    tables.give_back()
    return rows if answer == _DONE else None
