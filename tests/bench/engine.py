"""`make bench-engine`: the engine by itself: warm, cold, memory, five years, a search, and how candles are loaded."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from array import array
from io import BytesIO
from itertools import cycle
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pg8000.native

from infra.local.postgres import EmbeddedPostgres
from tests.bench.engine_candles import PRICE_DECIMALS, YEAR, generate, read, write
from tests.bench.engine_figures import table
from tests.bench.engine_figures import write as write_figures
from tests.bench.engine_programs import environment, once, runtimes, write_job
from tests.bench.engine_setup import bench_setup
from tests.bench.peers.serving import SEARCH, peak_mib
from tradebot.domain.timeframe import Timeframe
from tradebot.engine import backtest
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.engine.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable

MONTH = 30 * 1_440
COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")
#: What a binary COPY of one value writes before it (signature, flags, counts, length) and after it.
COPY_HEAD, COPY_TAIL = 11 + 4 + 4 + 2 + 4, 2
DOMAIN = ("-m", "tests.bench.engine_worker")
Row = tuple[str, ...]


def seconds(work: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def worked(work: Callable[[], Any]) -> float:
    """Return how much processor time one call of ours takes: what else the machine does changes that least."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def interleaved(one: Callable[[], Any], other: Callable[[], Any], repetitions: int) -> tuple[float, float]:
    """Return the medians of two, measured in turns."""
    pairs = [(seconds(one), seconds(other)) for _ in range(repetitions)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def milliseconds(value: float) -> str:
    """Return a time as it is read."""
    return f"{value * 1e3:,.1f} ms"


def year_and_five(years: list[CandleArray]) -> list[Row]:
    """One year against five in yearly chunks, and against the plain engine."""
    setup, turn = bench_setup(), cycle(years)

    def run_five() -> None:
        state = None
        for year in years:
            # What a year brought is let go before the next one begins.
            state = simulate(setup, year, state)[0]

    run_five()
    # Another year every time, as the five are: one that is run again and again stays in the processor's cache.
    pairs = [(worked(run_five), [worked(lambda: simulate(setup, next(turn))) for _ in years]) for _ in range(9)]
    five = median(pair[0] for pair in pairs)
    one = median(took for pair in pairs for took in pair[1])
    ratio = median(pair[0] / mean(pair[1]) for pair in pairs)
    plain = worked(lambda: backtest.simulate(setup, years[0]))
    return [
        ("one year, warm: curve, trades, days", milliseconds(one), ""),
        ("the same by the plain engine, once", milliseconds(plain), f"{plain / one:,.0f}x slower; goal 6 s"),
        ("five years in yearly chunks", milliseconds(five), f"{ratio:.2f}x of one year; goal 5.5x"),
    ]


def search(candles: CandleArray) -> list[Row]:
    """Ten parameter sets over a year, one after the other: time a set, and what it adds to the memory."""
    setups = [bench_setup(fast, slow) for fast, slow in SEARCH]
    simulate(setups[0], candles)
    before = peak_mib()

    def run_all() -> None:
        for setup in setups:
            simulate(setup, candles)

    took = median(worked(run_all) for _ in range(3)) / len(setups)
    return [
        (
            "search over 10 parameter sets, each",
            milliseconds(took),
            f"peak memory grows by {peak_mib() - before:.1f} MiB",
        )
    ]


def processes(path: Path) -> list[Row]:
    """Cold start to result on every Python here: a packed job, and by the domain's values."""
    rows: list[Row] = []
    arguments = [str(path), str(YEAR), "--once"]
    packed = str(Path(__file__).with_name("engine_packed_worker.py"))
    for version, python in runtimes().items():
        programs = {
            f"cold, Python {version}: a packed job to its result, one year": [python, packed, *arguments],
            f"cold, Python {version}: configuration to the domain's values": [python, *DOMAIN, *arguments],
        }
        for name, command in programs.items():
            pairs = [(once(command), once([python, "-c", "pass"])) for _ in range(16)][1:]
            took, bare = (median(pair[side].wall for pair in pairs) for side in (0, 1))
            least, worked = min(pair[0].wall for pair in pairs), median(pair[0].cpu for pair in pairs)
            beside = f"least {milliseconds(least)}, {milliseconds(worked)} of CPU; a bare Python {milliseconds(bare)}"
            rows.append((name, milliseconds(took), beside))
    return rows


def memory(path: Path, years: list[CandleArray]) -> list[Row]:
    """Peak memory of a process that runs a job over one year, and over five that it maps one after another."""
    files = [path.with_name(f"year-{number}.bin") for number in range(len(years))]
    for year, file in zip(years, files, strict=True):
        write(year, file)
    code = (
        "import sys; sys.path[0] = sys.argv[1]; from engine_packed_worker import map_columns, read_job;"
        " from tradebot.engine.kernel.job import run_job; job = read_job(sys.argv[2]);"
        f" [job := run_job(job, map_columns(path, {YEAR}))[0] for path in sys.argv[3:]];"
        " from tests.bench.peers.serving import peak_mib; print(peak_mib())"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(path)]
    one, five = (
        float(subprocess.run([*command, *map(str, part)], check=True, capture_output=True, env=environment()).stdout)
        for part in (files[:1], files)
    )
    return [("peak memory of a process that runs a job over a year", f"{one:.0f} MiB", f"{five:.0f} MiB over five")]


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
    # A bytea in a row arrives as twice as many hexadecimal digits; a binary COPY sends it as it is.
    copied = BytesIO()
    database.run("COPY (SELECT content FROM candle_blocks) TO STDOUT (FORMAT binary)", stream=copied)
    content = copied.getbuffer()[COPY_HEAD:-COPY_TAIL]
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
One-minute candles of a generated random walk, 525,600 a year. The search and the years are processor time of one
thread, which other work on the machine changes least; cold starts and loading are time on the clock. Rows of numeric
are how money columns are stored here, so how candles would be; rows of bigint are the cheapest that rows can be.
"""


def main() -> int:
    """Measure and write."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.bin"
        write(generate(YEAR), path)
        write_job(path)
        candles, five = read(path), generate(5 * YEAR, seed=5)
        years = [five[number * YEAR : (number + 1) * YEAR] for number in range(5)]
        rows = [*search(candles), *year_and_five(years), *processes(path), *memory(path, years), *loading(candles)]
    text = table(("what", "median", "beside it"), rows)
    write_figures("make bench-engine", text + NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
