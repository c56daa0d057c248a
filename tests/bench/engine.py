"""`make bench-engine`: the engine by itself: warm, cold, memory, five years, a search, and how candles are loaded."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pg8000.native

from infra.local.postgres import EmbeddedPostgres
from tests.bench.engine_candles import PRICE_DECIMALS, YEAR, generate, read, write
from tests.bench.engine_figures import table
from tests.bench.engine_figures import write as write_figures
from tests.bench.engine_setup import bench_setup
from tradebot.domain.timeframe import Timeframe
from tradebot.engine import backtest
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.engine.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

MONTH = 30 * 1_440
COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")
#: Ten pairs of averages.
SEARCH = tuple((fast, slow) for fast in (5, 7, 9, 12, 15) for slow in (21, 34))
Row = tuple[str, ...]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def interleaved(one: Callable[[], Any], other: Callable[[], Any], repetitions: int) -> tuple[float, float]:
    """Return the medians of two, measured in turns."""
    pairs = [(seconds(one), seconds(other)) for _ in range(repetitions)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def milliseconds(value: float) -> str:
    """Return a time as it is read."""
    return f"{value * 1e3:,.1f} ms"


def year_and_five(candles: CandleArray) -> list[Row]:
    """One year against the plain engine, and against five years in yearly chunks."""
    setup = bench_setup()
    five = generate(5 * YEAR, seed=5)
    years = [five[number * YEAR : (number + 1) * YEAR] for number in range(5)]

    def run_five() -> None:
        state = None
        for year in years:
            state, _ = simulate(setup, year, state)

    simulate(setup, candles)
    long, one = interleaved(run_five, lambda: simulate(setup, candles), 7)
    plain = seconds(lambda: backtest.simulate(setup, candles[: YEAR // 12])) * 12
    return [
        ("one year, warm: curve, trades, days", milliseconds(one), ""),
        ("the plain engine (a month, x 12)", milliseconds(plain), f"{plain / one:,.0f}x slower"),
        ("five years in yearly chunks", milliseconds(long), f"{long / one:.2f}x of one year; goal 5.5x"),
    ]


def search(candles: CandleArray) -> list[Row]:
    """Ten parameter sets over a year: time a set, and what it adds to the memory."""
    setups = [bench_setup(fast, slow) for fast, slow in SEARCH]
    simulate(setups[0], candles)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def run_all() -> None:
        for setup in setups:
            simulate(setup, candles)

    took = median(seconds(run_all) for _ in range(3)) / len(setups)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return [("search over 10 parameter sets, each", milliseconds(took), f"peak memory grows by {grown:.1f} MiB")]


def processes(path: Path) -> list[Row]:
    """Cold start to result, and the peak memory of such a process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    code = (
        "import sys; from tests.bench.engine_worker import prepare; from tests.bench.peers.serving import peak_mib;"
        "prepare(sys.argv[1], int(sys.argv[2]))();"
        "print(peak_mib())"
    )
    peaks: list[float] = []

    def start(*arguments: str) -> None:
        done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
        if done.stdout:
            peaks.append(float(done.stdout))

    command = ("-c", code, str(path), str(YEAR))
    start(*command)
    cold, bare = interleaved(lambda: start(*command), lambda: start("-c", "pass"), 7)
    return [
        ("cold: process start to result, one year", milliseconds(cold), f"of it a bare Python {milliseconds(bare)}"),
        ("peak memory of that process", f"{median(peaks):.0f} MiB", ""),
    ]


def loading(candles: CandleArray) -> list[Row]:
    """A month from Postgres: as rows, and as one packed block of columns."""
    month = candles[:MONTH]
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        address = urlsplit(server.start())
        try:
            database = pg8000.native.Connection(
                address.username or "", address.hostname or "", address.path[1:], address.port or 5432, address.password
            )
            _store(database, month)
            rows, packed = interleaved(lambda: _as_rows(database), lambda: _as_block(database), 5)
            numbers, again = interleaved(lambda: _as_numbers(database), lambda: _as_block(database), 5)
            assert _as_rows(database) == _as_numbers(database) == _as_block(database) == month
            database.close()
        finally:
            server.stop()
    return [
        (
            "a month of candles from Postgres, packed columns",
            milliseconds(packed),
            f"{rows / packed:,.0f}x faster than rows of numeric, {numbers / again:,.0f}x than of bigint; goal 50x",
        )
    ]


def _store(database: pg8000.native.Connection, candles: CandleArray) -> None:
    """Store a month as rows of the money columns' type, and as one block."""
    prices = ", ".join(f"{name} numeric(20, 8)" for name in COLUMNS[1:])
    database.run(f"CREATE TABLE candle_rows (open_time timestamptz PRIMARY KEY, {prices})")
    kinds = "open_time_ms bigint, open bigint, high bigint, low bigint, close bigint, volume double precision"
    database.run(f"CREATE TABLE candle_numbers ({kinds})")
    database.run("CREATE TABLE candle_blocks (content bytea)")
    content = b"".join(getattr(candles, name).tobytes() for name in COLUMNS)
    database.run("INSERT INTO candle_blocks VALUES (:content)", content=content)
    scaled = ", ".join(f"{name}::numeric / {10**PRICE_DECIMALS}" for name in COLUMNS[1:5])
    database.run(
        f"INSERT INTO candle_rows SELECT to_timestamp(open_time_ms / 1000.0), {scaled}, volume"
        " FROM unnest(CAST(:open_time_ms AS bigint[]), CAST(:open AS bigint[]), CAST(:high AS bigint[]),"
        " CAST(:low AS bigint[]), CAST(:close AS bigint[]), CAST(:volume AS numeric[]))"
        " AS columns (open_time_ms, open, high, low, close, volume)",
        **{name: list(getattr(candles, name)) for name in COLUMNS},
    )
    database.run(
        "INSERT INTO candle_numbers SELECT (extract(epoch FROM open_time) * 1000)::bigint,"
        f" {', '.join(f'({name} * {10**PRICE_DECIMALS})::bigint' for name in COLUMNS[1:5])}, volume FROM candle_rows"
    )


def _as_rows(database: pg8000.native.Connection) -> CandleArray:
    candles, scale = _candles([]), 10**PRICE_DECIMALS
    for at, *prices, volume in database.run("SELECT * FROM candle_rows ORDER BY open_time"):
        for column, value in zip(
            (candles.open_time_ms, candles.open, candles.high, candles.low, candles.close),
            (to_ms(at), *(int(price * scale) for price in prices)),
            strict=True,
        ):
            column.append(value)
        candles.volume.append(float(volume))
    return candles


def _as_numbers(database: pg8000.native.Connection) -> CandleArray:
    columns = list(zip(*database.run("SELECT * FROM candle_numbers ORDER BY open_time_ms"), strict=True))
    kinds = ("q", "q", "q", "q", "q", "d")
    return _candles([array(kind, column) for kind, column in zip(kinds, columns, strict=True)])


def _as_block(database: pg8000.native.Connection) -> CandleArray:
    content = memoryview(database.run("SELECT content FROM candle_blocks")[0][0])
    width = len(content) // len(COLUMNS)
    columns: list[array[Any]] = []
    for number, name in enumerate(COLUMNS):
        column: array[Any] = array("d" if name == "volume" else "q")
        column.frombytes(content[number * width : (number + 1) * width])
        columns.append(column)
    return _candles(columns)


def _candles(columns: list[array[Any]]) -> CandleArray:
    return CandleArray(Timeframe.M1, PRICE_DECIMALS, *columns)


NOTES = """
One-minute candles of a generated random walk, 525,600 a year. Rows of numeric are how money columns are stored here, so
how candles would be; rows of bigint are the cheapest that rows can be.
"""


def main() -> int:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.bin"
        write(generate(YEAR), path)
        candles = read(path)
        rows = [*search(candles), *year_and_five(candles), *processes(path), *loading(candles)]
    text = table(("what", "median", "beside it"), rows)
    write_figures("make bench-engine", text + NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
