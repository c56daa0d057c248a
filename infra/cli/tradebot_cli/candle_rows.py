"""Candles from a CSV, line by line and digit by digit: slower than the table reader, and able to say what is wrong."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The columns that are read; Binance's files have six more.
COLUMNS: Final = ("open_time", "open", "high", "low", "close", "volume")
#: Digits of an open time -> (multiply, divide) for milliseconds. Binance's spot files count microseconds from 2025 on.
_UNITS: Final = {10: (1_000, 1), 13: (1, 1), 16: (1, 1_000)}
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_NOT_FINITE: Final = {"nan", "inf", "infinity", "null", "none", "na", "n/a", ""}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path.name}, line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Row:
    """One candle as the file has it."""

    path: Path
    line: int
    open_time_ms: int
    #: Open, high, low, close.
    prices: tuple[Decimal, Decimal, Decimal, Decimal]
    volume: float


@dataclass(slots=True)
class Rows:
    """What the lines of some files hold, in their order."""

    rows: list[Row] = field(default_factory=list)
    #: Lines that are no candle.
    problems: list[Problem] = field(default_factory=list)


class LineError(ValueError):
    """A line that is no candle; the message says why."""


def looks_like_header(cells: list[str]) -> bool:
    """Whether a first line names columns."""
    return any(cell.strip().lower() in {"open", "high", "low", "close"} for cell in cells)


def check_header(cells: list[str]) -> None:
    """Raise LineError where the columns stand in another order than they are read in."""
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    if names[1:6] != list(COLUMNS[1:]):
        raise LineError(f"the columns have to be {', '.join(COLUMNS)}, ...; the header has {', '.join(names[:6])}")


def read_rows(path: Path) -> Rows:
    """Read every line. Raise OSError or UnicodeDecodeError where the file cannot be read at all."""
    found = Rows()
    width: int | None = None
    for line, cells in _lines(path, found.problems):
        if width is None and looks_like_header(cells):
            width = len(cells)
            try:
                check_header(cells)
            except LineError as error:
                found.problems.append(Problem(path, line, str(error)))
            continue
        width = width or len(cells)
        try:
            _check_width(len(cells), width)
            found.rows.append(_row(path, line, cells))
        except LineError as error:
            found.problems.append(Problem(path, line, str(error)))
    return found


def _lines(path: Path, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:  # a NUL byte, a quote that never ends
                problems.append(Problem(path, reader.line_num, f"not CSV: {error}"))
                continue
            if cells:
                yield reader.line_num, cells


def _check_width(count: int, width: int) -> None:
    if count < len(COLUMNS):
        columns = "1 column" if count == 1 else f"{count} columns"
        raise LineError(f"{columns}, at least {len(COLUMNS)} are needed: {', '.join(COLUMNS)}")
    if count != width:
        raise LineError(f"{count} columns where the file has {width}")


def _row(path: Path, line: int, cells: list[str]) -> Row:
    open_time_ms = parse_time(cells[0])
    first, high, low, close = (_price(name, text) for name, text in zip(COLUMNS[1:5], cells[1:5], strict=True))
    if high < low:
        raise LineError(f"high {high:f} is below low {low:f}")
    for name, price in (("open", first), ("close", close)):
        if not low <= price <= high:
            raise LineError(f"{name} {price:f} lies outside low {low:f} to high {high:f}")
    volume = _number("volume", cells[5])
    if volume < 0:
        raise LineError(f"volume is {volume:f}, below zero")
    return Row(path, line, open_time_ms, (first, high, low, close), float(volume))


def parse_time(text: str) -> int:
    """Return ms since 1970 of a number (s, ms or us by its digits) or an ISO 8601 time (UTC if it names no zone)."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        unit = _UNITS.get(len(text))
        if unit is None:
            raise LineError(f"open time {text} is no time: 10 digits are seconds, 13 milliseconds, 16 microseconds")
        return _whole_ms(int(text) * unit[0], unit[1], text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise LineError(f"open time {text!r} is no time") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return _whole_ms((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, 1_000, text)


def _whole_ms(value: int, divisor: int, text: str) -> int:
    if value % divisor:
        raise LineError(f"open time {text} is not on a whole millisecond")
    return value // divisor


def _number(name: str, text: str) -> Decimal:
    text = text.strip()
    if text.lower().lstrip("+-") in _NOT_FINITE:
        raise LineError(f"{name} is {text or 'empty'}, not a finite number")
    if not _NUMBER.fullmatch(text):
        raise LineError(f"{name} {text!r} is no number")
    return Decimal(text)


def _price(name: str, text: str) -> Decimal:
    price = _number(name, text)
    if price <= 0:
        raise LineError(f"{name} is {price:f}; prices have to be above zero")
    return price
