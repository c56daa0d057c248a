"""Our engine as a backtest function runs it: a job and packed columns in files -> equity, trades, days in columns.

`engine_packed_worker.py candles count [--once]`, the job in `candles.job`: tests/bench/peers/serving.py's protocol.
Its start is that function's: it loads the kernel, and what measures it only where it is measured warm.
"""

from __future__ import annotations

import mmap
import sys

from tradebot.engine.kernel.job import run_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

#: Of the file; the last one, the volume, decides nothing.
COLUMNS = 6
#: Money units of the bench's symbol: 2 decimals of the price and 5 of the quantity, at least 8.
MONEY_UNIT = 10**8


def read_job(path: str) -> bytes:
    """Return the job that lies beside the candles."""
    with open(f"{path}.job", "rb") as file:  # noqa: PTH123  # pathlib takes longer to import than the job to run
        return file.read()


def map_columns(path: str, count: int) -> list[memoryview]:
    """Return the first `count` candles, mapped and not copied; let go, they are unmapped."""
    with open(path, "rb") as file:  # noqa: PTH123  # as above
        # Private and writable, as ctypes wants it; nothing is written.
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)).cast("q")
    height = len(content) // COLUMNS
    return [content[number * height : number * height + count] for number in range(COLUMNS - 1)]


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    """Return a run over the first `count` candles."""
    job, columns = read_job(path), map_columns(path, count)

    def run() -> tuple[int, float]:
        done = run_job(job, columns)
        assert done is not None, "no kernel here, or it declines"
        _, rows = done
        assert len(rows.days[0]) >= count // 1_440 - 2
        return sum(rows.trades[2]), rows.equity[-1] / MONEY_UNIT

    return run


if __name__ == "__main__":
    if "--once" in sys.argv:
        print(*prepare(sys.argv[1], int(sys.argv[2]))(), flush=True)
    else:
        from tests.bench.peers.serving import serve

        serve(prepare)
