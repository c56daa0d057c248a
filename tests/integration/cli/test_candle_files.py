"""Reading candles: every layout, every kind of broken line with its number, and what healing may do."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.integration.cli.market import HEADER, MINUTE_MS, START_MS, in_microseconds, minutes, six_columns, with_cell
from tradebot.domain.timeframe import Timeframe
from tradebot_cli import candle_file
from tradebot_cli.candle_file import CandleFile, read_candles
from tradebot_cli.candle_table import read_table
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tradebot.engine.candles import CandleArray

LINES = minutes(30)


def written(folder: Path, lines: list[str], name: str = "BTCUSDT-1m.csv", ending: str = "\n") -> Path:
    path = folder / name
    path.write_bytes("".join(line + ending for line in lines).encode())
    return path


def refusal(path: Path, *more: Path) -> CommandError:
    with pytest.raises(CommandError) as caught:
        read_candles([path, *more])
    assert caught.value.code is ExitCode.CANDLES
    return caught.value


def columns(candles: CandleArray) -> list[tuple[int, ...]]:
    return list(zip(candles.open_time_ms, candles.open, candles.high, candles.low, candles.close, strict=True))


def by_rows(path: Path, *, heal: bool = False) -> CandleFile:
    return candle_file._from_rows([path], heal=heal)


LAYOUTS: dict[str, Callable[[list[str]], list[str]]] = {
    "Binance's twelve columns in milliseconds": lambda lines: lines,
    "twelve columns under a header": lambda lines: [HEADER, *lines],
    "twelve columns in microseconds": in_microseconds,
    "both units in one file": lambda lines: [*lines[:10], *in_microseconds(lines[10:])],
    "six columns with ISO times under a header": six_columns,
    "six columns with ISO times": lambda lines: six_columns(lines)[1:],
    "ISO times with a Z": lambda lines: [line.replace(" ", "T").replace("+00:00", "Z") for line in six_columns(lines)],
    "seconds": lambda lines: [line[:10] + line[13:] for line in lines],
    "blanks around the cells": lambda lines: [line.replace(",", " , ") for line in lines],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_candles(layout: str, tmp_path: Path) -> None:
    expected = by_rows(written(tmp_path, LINES, "plain.csv")).candles
    read = read_candles([written(tmp_path, LAYOUTS[layout](LINES))])
    assert columns(read.candles) == columns(expected)
    assert read.candles.volume == expected.volume
    assert (read.candles.timeframe, read.candles.price_decimals) == (Timeframe.M1, 2)
    assert (read.gaps, read.left_out, read.duplicates, read.moved) == (0, 0, 0, 0)


def test_a_byte_order_mark_windows_line_ends_and_empty_lines_are_no_problem(tmp_path: Path) -> None:
    path = written(tmp_path, ["\ufeff" + HEADER, *LINES[:10], "", *LINES[10:], ""], ending="\r\n")
    assert columns(read_candles([path]).candles) == columns(by_rows(written(tmp_path, LINES, "plain.csv")).candles)


def test_prices_are_read_digit_by_digit(tmp_path: Path) -> None:
    candles = read_candles([written(tmp_path, LINES)]).candles
    for line, candle in zip(LINES, candles, strict=True):
        cells = [Decimal(cell) for cell in line.split(",")[1:5]]
        assert [candle.open, candle.high, candle.low, candle.close] == cells


def test_months_in_several_files_are_one_market(tmp_path: Path) -> None:
    first, second = written(tmp_path, LINES[:12], "a.csv"), written(tmp_path, [HEADER, *LINES[12:]], "b.csv")
    assert columns(read_candles([first, second]).candles) == columns(read_candles([written(tmp_path, LINES)]).candles)
    error = refusal(second, first)
    assert "a.csv, line 1: the candle of 2024-01-01 00:00:00+00:00 comes after that of" in error.details[0]


# What stands on line 5 instead of the candle of 00:04, and what is said of that line.
BROKEN = {
    "too few columns": ("1704067440000,1,2", "3 columns, at least 6 are needed"),
    "one column": ("rubbish", "1 column, at least 6 are needed"),
    "a line that ends early": (",".join(LINES[4].split(",")[:9]), "9 columns where the file has 12"),
    "a line that goes on": (LINES[4] + ",0", "13 columns where the file has 12"),
    "a time that is none": (with_cell(LINES[4], 0, "yesterday"), "open time 'yesterday' is no time"),
    "a number that is no time": (with_cell(LINES[4], 0, "20240101"), "open time 20240101 is no time: 10 digits"),
    "a time between the milliseconds": (with_cell(LINES[4], 0, "1704067440000001"), "not on a whole millisecond"),
    "a time off the grid": (
        with_cell(LINES[4], 0, "1704067440500"),
        "2024-01-01 00:04:00.500000+00:00 is not where a candle of 1m opens",
    ),
    "a word": (with_cell(LINES[4], 1, "abc"), "open 'abc' is no number"),
    "a decimal comma": (with_cell(LINES[4], 1, '"40,5"'), "open '40,5' is no number"),
    "an underscore": (with_cell(LINES[4], 1, "40_000"), "open '40_000' is no number"),
    "NaN": (with_cell(LINES[4], 4, "NaN"), "close is NaN, not a finite number"),
    "infinity": (with_cell(LINES[4], 2, "inf"), "high is inf, not a finite number"),
    "an empty cell": (with_cell(LINES[4], 3, ""), "low is empty, not a finite number"),
    "a price of zero": (with_cell(LINES[4], 3, "0.00"), "low is 0.00; prices have to be above zero"),
    "a price below zero": (with_cell(LINES[4], 1, "-5"), "open is -5; prices have to be above zero"),
    "a high below the low": (with_cell(with_cell(LINES[4], 2, "10"), 3, "11"), "high 10 is below low 11"),
    "an open above the high": (with_cell(LINES[4], 1, "99999"), "open 99999 lies outside low"),
    "a close below the low": (with_cell(LINES[4], 4, "1"), "close 1 lies outside low"),
    "a volume below zero": (with_cell(LINES[4], 5, "-1"), "volume is -1, below zero"),
    "a volume that is no number": (with_cell(LINES[4], 5, "much"), "volume 'much' is no number"),
    "a duplicate": (LINES[3], "the candle of 2024-01-01 00:03:00+00:00 stands on line 4 already"),
    "a duplicate that says something else": (
        with_cell(LINES[3], 5, "77"),
        "stands on line 4 already, with other prices or volume",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_line_is_refused_with_its_number(kind: str, tmp_path: Path) -> None:
    line, said = BROKEN[kind]
    error = refusal(written(tmp_path, [*LINES[:4], line, *LINES[5:]]))
    assert error.message.startswith("the candles are refused, 2 problems:")
    assert error.details[0].startswith("BTCUSDT-1m.csv, line 5: ")
    assert said in error.details[0]
    assert "line 6: 1 candle is missing before 2024-01-01 00:05:00+00:00" in error.details[1]
    assert "--heal" in error.details[-1]


@pytest.mark.parametrize("kind", BROKEN)
def test_healing_leaves_a_broken_line_out_and_makes_nothing_up(kind: str, tmp_path: Path) -> None:
    read = read_candles([written(tmp_path, [*LINES[:4], BROKEN[kind][0], *LINES[5:]])], heal=True)
    whole = columns(read_candles([written(tmp_path, LINES, "whole.csv")]).candles)
    assert columns(read.candles) == whole[:4] + whole[5:]
    assert (read.gaps, read.missing) == (1, 1)
    is_duplicate = "duplicate" in kind
    assert (read.left_out, read.duplicates) == (int(not is_duplicate), int(is_duplicate))
    assert read.contradictions == int(kind == "a duplicate that says something else")


def test_a_line_that_comes_too_late_is_refused_and_sorted_when_healed(tmp_path: Path) -> None:
    path = written(tmp_path, [*LINES[:4], LINES[5], LINES[4], *LINES[6:]])
    error = refusal(path)
    assert error.message == "the candles are refused, 1 problem:"
    assert error.details[0] == (
        "BTCUSDT-1m.csv, line 6: the candle of 2024-01-01 00:04:00+00:00 comes after that of 2024-01-01 00:05:00+00:00"
    )
    read = read_candles([path], heal=True)
    assert columns(read.candles) == columns(read_candles([written(tmp_path, LINES, "whole.csv")]).candles)
    assert (read.moved, read.gaps) == (1, 0)


def test_a_gap_is_refused_and_counted_when_healed(tmp_path: Path) -> None:
    path = written(tmp_path, [*LINES[:4], *LINES[7:20], *LINES[21:]])
    error = refusal(path)
    assert error.details[0] == "BTCUSDT-1m.csv, line 5: 3 candles are missing before 2024-01-01 00:07:00+00:00"
    assert error.details[1] == "BTCUSDT-1m.csv, line 18: 1 candle is missing before 2024-01-01 00:21:00+00:00"
    read = read_candles([path], heal=True)
    assert (len(read.candles), read.gaps, read.missing) == (26, 2, 4)


def test_the_first_problems_are_listed_and_the_others_counted(tmp_path: Path) -> None:
    lines = minutes(200)
    error = refusal(written(tmp_path, [with_cell(line, 1, "nan") if n % 2 else line for n, line in enumerate(lines)]))
    assert len(error.details) == candle_file.LISTED_PROBLEMS + 2
    assert error.details[-2].startswith("... and ")


def test_a_header_in_another_order_is_refused(tmp_path: Path) -> None:
    error = refusal(written(tmp_path, ["open_time,close,open,high,low,volume", *LINES[:5]]))
    assert "line 1: the columns have to be open_time, open, high, low, close, volume" in error.details[0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "holds no candle"),
        ([HEADER], "holds no candle"),
        (LINES[:1], "holds 1 candle"),
        (
            [with_cell(line, 0, str(START_MS + 7_000 * number)) for number, line in enumerate(LINES)],
            "the candles are 7 s apart, which is no timeframe of Binance's",
        ),
        (
            [with_cell(line, 3, "0.0000000000001") for line in LINES],
            "more than an engine of 53-bit prices can tell apart",
        ),
    ],
)
def test_a_file_that_is_no_market_is_refused(lines: list[str], said: str, tmp_path: Path) -> None:
    assert said in refusal(written(tmp_path, lines)).message


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "missing.csv").message
    assert "Is a directory" in refusal(tmp_path).message
    binary = tmp_path / "BTCUSDT-1m.zip"
    binary.write_bytes(b"PK\x03\x04\xff\xfe\x00" * 20)
    assert "not a text file in UTF-8" in refusal(binary).message


PRICES = st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal(1_000_000), places=8)


@st.composite
def files(draw: st.DrawFn) -> tuple[list[str], int]:
    """Return lines of a sound market and the number of decimals that its prices are written with."""
    places = draw(st.integers(0, 8))
    unit = Decimal(1).scaleb(-places)
    lines = []
    for number in range(draw(st.integers(2, 12))):
        low, first, last, high = sorted(max(unit, draw(PRICES).quantize(unit)) for _ in range(4))
        if draw(st.booleans()):
            first, last = last, first
        volume = draw(st.decimals(min_value=0, max_value=10**6, places=3))
        lines.append(f"{START_MS + number * MINUTE_MS},{first},{high},{low},{last},{volume}")
    return lines, places


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(files())
def test_the_fast_reader_reads_what_the_exact_one_reads(tmp_path: Path, drawn: tuple[list[str], int]) -> None:
    path = written(tmp_path, drawn[0])
    table = read_table(path)
    assert table is not None, "a sound file is read fast"
    fast, exact = read_candles([path]).candles, by_rows(path).candles
    assert fast == exact


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(st.data())
@example(None)
def test_the_fast_reader_never_takes_what_the_exact_one_refuses(tmp_path: Path, data: st.DataObject | None) -> None:
    """Any text in any cell of any line: both refuse it, or both read the same."""
    lines = list(LINES[:8])
    if data is not None:
        for _ in range(data.draw(st.integers(1, 3))):
            at, column = data.draw(st.integers(0, 7)), data.draw(st.integers(0, 11))
            text = data.draw(
                st.sampled_from(
                    ["", "0", "-1", "nan", "NA", "1e3", "1_0", "0x10", "inf", "+1", ".5", "5.", "true", " 7 "]
                )
                | st.from_regex(r"[0-9]{1,16}(\.[0-9]{1,9})?", fullmatch=True)
                | st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=6)
            )
            lines[at] = with_cell(lines[at], column, text)
    path = written(tmp_path, lines)
    try:
        exact = by_rows(path)
    except CommandError:
        with pytest.raises(CommandError):
            read_candles([path])
        return
    assert read_candles([path]) == exact
