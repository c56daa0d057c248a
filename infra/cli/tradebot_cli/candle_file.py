"""Candles from CSV files: refused with the lines that are wrong, or healed where that was asked for.

Healing sorts, leaves out what is no candle or stands twice, and counts; it never makes a candle up.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import PRICE_LIMIT, CandleArray, decimals_of, from_ms, scaled, to_ms
from tradebot_cli.candle_rows import Problem, read_rows
from tradebot_cli.candle_table import MOST_DECIMALS, float_column, in_units, integer_column, read_table
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tradebot_cli.candle_rows import Row
    from tradebot_cli.candle_table import Table

#: Problems that are listed; the others are counted.
LISTED_PROBLEMS: Final = 20
_BY_LENGTH: Final = {one.seconds * 1_000: one for one in Timeframe if one is not Timeframe.MONTH}
_MONTH_LENGTHS: Final = {days * 86_400_000 for days in (28, 29, 30, 31)}


@dataclass(slots=True)
class CandleFile:
    """What was read, and what healing did to it."""

    candles: CandleArray
    #: Holes, and the candles that are missing in them.
    gaps: int = 0
    missing: int = 0
    #: Lines left out because they are no candle.
    left_out: int = 0
    #: Lines left out because their candle stood there already; those that said something else are among them.
    duplicates: int = 0
    contradictions: int = 0
    #: Lines that stood behind a later candle.
    moved: int = 0


@dataclass(slots=True)
class _Order:
    """The rows in order of time, each open time once, and what was in the way."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    duplicates: int = 0
    contradictions: int = 0
    moved: int = 0


def read_candles(paths: Sequence[Path], *, heal: bool = False) -> CandleFile:
    """Read one market's candles from one or more files. Raise CommandError with what is wrong, line by line."""
    tables = []
    for path in paths:
        with _refusing_unreadable(path):
            tables.append(read_table(path))
    sound = [table for table in tables if table is not None]
    read = _from_tables(sound, heal=heal) if len(sound) == len(paths) else None
    return read or _from_rows(paths, heal=heal)


@contextmanager
def _refusing_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise CommandError(ExitCode.CANDLES, f"{path} is not a text file in UTF-8, so not a CSV") from error
    except OSError as error:
        raise CommandError(ExitCode.CANDLES, f"cannot read {path}: {error.strerror}") from error


def _from_tables(tables: Sequence[Table], *, heal: bool) -> CandleFile | None:
    """Return the candles where nothing is wrong with them, gaps aside if those may be; else None."""
    times = np.concatenate([table.open_time_ms for table in tables])
    prices = in_units(np.concatenate([table.prices for table in tables]))
    steps = np.diff(times)
    if prices is None or not len(steps) or (steps <= 0).any():
        return None
    lengths, counts = np.unique(steps, return_counts=True)
    timeframe = _timeframe_of(dict(zip(lengths.tolist(), counts.tolist(), strict=True)))
    if timeframe is None or any(not _is_on_grid(at, timeframe) for at in (times[0], times[-1])):
        return None
    holes = np.flatnonzero(steps != lengths[np.argmax(counts)])
    missing = 0
    for before, after in zip(times[holes].tolist(), times[holes + 1].tolist(), strict=True):
        if not _is_on_grid(after, timeframe):
            return None
        missing += _missing_between(before, after, timeframe)
    if missing and not heal:
        return None
    decimals, units = prices
    candles = CandleArray(
        timeframe,
        decimals,
        integer_column(times),
        open=integer_column(units[:, 0]),
        high=integer_column(units[:, 1]),
        low=integer_column(units[:, 2]),
        close=integer_column(units[:, 3]),
        volume=float_column(np.concatenate([table.volume for table in tables])),
    )
    gaps = len(holes) if timeframe is not Timeframe.MONTH else missing
    return CandleFile(candles, gaps=gaps, missing=missing)


def _from_rows(paths: Sequence[Path], *, heal: bool) -> CandleFile:
    rows: list[Row] = []
    problems: list[Problem] = []
    for path in paths:
        with _refusing_unreadable(path):
            found = read_rows(path)
        rows += found.rows
        problems += found.problems
    left_out = len(problems)
    ordered = _in_order(rows)
    problems += ordered.problems
    timeframe = _timeframe_of(Counter(b.open_time_ms - a.open_time_ms for a, b in pairwise(ordered.rows)))
    if timeframe is None:
        _refuse(paths, problems) if problems and not heal else _refuse_spacing(paths, ordered.rows)
    assert timeframe is not None
    kept, off_grid = _on_grid(ordered.rows, timeframe)
    problems += off_grid
    left_out += len(off_grid)
    gaps = list(_gaps(kept, timeframe))
    if not heal:
        problems += [problem for problem, _ in gaps]
        if problems:
            _refuse(paths, problems)
    if len(kept) < 2:
        _refuse_spacing(paths, kept)
    return CandleFile(
        _columns(kept, timeframe),
        gaps=len(gaps),
        missing=sum(missing for _, missing in gaps),
        left_out=left_out,
        duplicates=ordered.duplicates,
        contradictions=ordered.contradictions,
        moved=ordered.moved,
    )


def _refuse(paths: Sequence[Path], problems: list[Problem]) -> None:
    order = {path: number for number, path in enumerate(paths)}
    problems.sort(key=lambda problem: (order[problem.path], problem.line))
    lines = [str(problem) for problem in problems[:LISTED_PROBLEMS]]
    if len(problems) > LISTED_PROBLEMS:
        lines.append(f"... and {len(problems) - LISTED_PROBLEMS:,} more")
    lines.append("--heal sorts, drops duplicates and lines that are no candle, and counts gaps; it makes nothing up.")
    count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    raise CommandError(ExitCode.CANDLES, f"the candles are refused, {count}:", tuple(lines))


def _refuse_spacing(paths: Sequence[Path], rows: Sequence[Row]) -> None:
    names = ", ".join(path.name for path in paths)
    if len(rows) < 2:
        count = "1 candle" if rows else "no candle"
        raise CommandError(ExitCode.CANDLES, f"{names} holds {count}; a backtest needs more")
    seconds = (rows[1].open_time_ms - rows[0].open_time_ms) / 1_000
    known = ", ".join(Timeframe)
    raise CommandError(
        ExitCode.CANDLES, f"{names}: the candles are {seconds:g} s apart, which is no timeframe of Binance's: {known}"
    )


def _timeframe_of(steps: dict[int, int]) -> Timeframe | None:
    """Return the timeframe of the most frequent distance between open times."""
    if not steps:
        return None
    length = max(steps, key=lambda step: (steps[step], -step))
    return Timeframe.MONTH if length in _MONTH_LENGTHS else _BY_LENGTH.get(length)


def _is_on_grid(open_time_ms: int, timeframe: Timeframe) -> bool:
    at = from_ms(int(open_time_ms))
    return timeframe.floor(at) == at


def _missing_between(before_ms: int, after_ms: int, timeframe: Timeframe) -> int:
    if timeframe is not Timeframe.MONTH:
        return (after_ms - before_ms) // (timeframe.seconds * 1_000) - 1
    at, count = timeframe.close_of(from_ms(before_ms)), 0
    while to_ms(at) < after_ms:
        at, count = timeframe.close_of(at), count + 1
    return count


def _in_order(rows: Iterable[Row]) -> _Order:
    found, seen, newest = _Order(), dict[int, "Row"](), None
    for row in rows:
        at = from_ms(row.open_time_ms)
        first = seen.get(row.open_time_ms)
        if first is not None:
            is_same = (first.prices, first.volume) == (row.prices, row.volume)
            found.duplicates += 1
            found.contradictions += not is_same
            where = f"line {first.line}" if first.path == row.path else f"{first.path.name}, line {first.line}"
            what = "" if is_same else ", with other prices or volume"
            found.problems.append(Problem(row.path, row.line, f"the candle of {at} stands on {where} already{what}"))
            continue
        seen[row.open_time_ms] = row
        if newest is not None and row.open_time_ms < newest:
            found.moved += 1
            found.problems.append(
                Problem(row.path, row.line, f"the candle of {at} comes after that of {from_ms(newest)}")
            )
        newest = row.open_time_ms if newest is None else max(newest, row.open_time_ms)
    found.rows = [seen[at_ms] for at_ms in sorted(seen)]
    return found


def _on_grid(rows: list[Row], timeframe: Timeframe) -> tuple[list[Row], list[Problem]]:
    kept, problems = [], []
    for row in rows:
        if _is_on_grid(row.open_time_ms, timeframe):
            kept.append(row)
        else:
            message = f"{from_ms(row.open_time_ms)} is not where a candle of {timeframe} opens"
            problems.append(Problem(row.path, row.line, message))
    return kept, problems


def _gaps(rows: list[Row], timeframe: Timeframe) -> Iterator[tuple[Problem, int]]:
    for before, after in pairwise(rows):
        missing = _missing_between(before.open_time_ms, after.open_time_ms, timeframe)
        if missing:
            candles = "1 candle is" if missing == 1 else f"{missing:,} candles are"
            message = f"{candles} missing before {from_ms(after.open_time_ms)}"
            yield Problem(after.path, after.line, message), missing


def _columns(rows: list[Row], timeframe: Timeframe) -> CandleArray:
    decimals = max(decimals_of(price) for row in rows for price in row.prices)
    made = CandleArray(timeframe, decimals)
    for row in rows:
        if decimals > MOST_DECIMALS or max(row.prices).scaleb(decimals) >= PRICE_LIMIT:
            raise CommandError(
                ExitCode.CANDLES,
                f"the prices need {decimals} decimals, which is more than an engine of 53-bit prices can tell apart "
                f"({row.path.name}, line {row.line})",
            )
        made.append(row.open_time_ms, [scaled(price, decimals) for price in row.prices], row.volume)
    return made
