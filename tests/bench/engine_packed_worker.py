"""A cold backtest function as a program: a job and packed columns in files -> equity, trades and days in columns.

`engine_packed_worker.py job candles count`; prints the number of round trips and the last equity in money units. It
imports what such a function imports, so its start is what that function's is.
"""

from __future__ import annotations

import mmap
import sys

from tradebot.engine.kernel.job import run_job

COLUMNS = 6


def main() -> None:
    """Run once."""
    job_path, candle_path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with open(job_path, "rb") as file:  # noqa: PTH123  # pathlib takes longer to import than the job to read
        job = file.read()
    with open(candle_path, "rb") as file:  # noqa: PTH123  # as above
        # Private and writable: nothing is copied, and nothing written back.
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)).cast("q")
    height = len(content) // COLUMNS
    columns = [content[number * height : number * height + count] for number in range(COLUMNS - 1)]
    done = run_job(job, columns)
    assert done is not None, "no kernel here, or it declines"
    _, rows = done
    assert len(rows.days[0]) >= count // 1_440 - 2
    print(sum(rows.trades[2]), rows.equity[-1], flush=True)


if __name__ == "__main__":
    main()
