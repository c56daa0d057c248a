"""Lines of kline files, sound ones and broken ones."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

START_MS = 1_704_067_200_000  # 2024-01-01
MINUTE_MS = 60_000
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def minutes(count: int, seed: int = 7, start: float = 40_000.0) -> list[str]:
    """Return lines of Binance's twelve columns: a seeded walk with trends, so that averages cross and stops are hit."""
    chance, lines, last = random.Random(seed), list[str](), start
    for number in range(count):
        drift = 4e-4 * math.sin(number / 180)
        close = round(last * (1 + drift + chance.gauss(0, 8e-4)), 2)
        high = round(max(last, close) * (1 + abs(chance.gauss(0, 4e-4))), 2)
        low = round(min(last, close) * (1 - abs(chance.gauss(0, 4e-4))), 2)
        at = START_MS + number * MINUTE_MS
        lines.append(
            f"{at},{last:.8f},{high:.8f},{low:.8f},{close:.8f},{chance.uniform(0.1, 9):.5f},{at + 59_999},0,1,0,0,0"
        )
        last = close
    return lines


def six_columns(lines: list[str]) -> list[str]:
    """Return the same candles as `open_time,open,high,low,close,volume` with ISO times and a header."""
    made = ["open_time,open,high,low,close,volume"]
    for line in lines:
        cells = line.split(",")
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(cells[0]))
        made.append(",".join([at.isoformat(sep=" "), *cells[1:6]]))
    return made


def in_microseconds(lines: list[str]) -> list[str]:
    """Return the same lines as Binance's spot files of 2025 and later count."""
    return [f"{line.split(',', 1)[0]}000,{line.split(',', 1)[1]}" for line in lines]


def with_cell(line: str, column: int, text: str) -> str:
    """Return a line with one cell changed."""
    cells = line.split(",")
    cells[column] = text
    return ",".join(cells)
