"""Candles from a CSV as whole columns: a year of minutes in about a second. Where anything is odd, it says nothing.

Then `candle_rows` reads the file again and says what is wrong and where. A price of more than fifteen digits, which no
exchange writes, is rounded to them here.
"""

from __future__ import annotations

import warnings
from array import array
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from tradebot_cli.candle_rows import COLUMNS, LineError, check_header, looks_like_header

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: More decimals than any symbol of Binance has.
MOST_DECIMALS: Final = 12
#: Integers up to here are exact as floats, so that a price of so many units survives its way through one.
_EXACT: Final = 2**53
#: From here on a number counts microseconds, below the other one seconds.
_FIRST_MICROSECOND: Final = 10**15
_FIRST_MILLISECOND: Final = 10**12


class Table:
    """A file's columns: times in ms, prices as the floats nearest to their digits (pandas' default from 3.1 on)."""

    def __init__(
        self, open_time_ms: NDArray[np.int64], prices: NDArray[np.float64], volume: NDArray[np.float64]
    ) -> None:
        self.open_time_ms = open_time_ms
        #: Shape (rows, 4): open, high, low, close.
        self.prices = prices
        self.volume = volume


def read_table(path: Path) -> Table | None:
    """Return the columns of a file in which every line is a sound candle, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # "inf" among whole numbers is a warning to pandas
            frame = _read_frame(path)
            times = None if frame is None else _times(frame[0])
    except UnicodeDecodeError:  # a ValueError, but nothing that another reader could mend
        raise
    except (ValueError, OverflowError, LineError, Warning):  # pandas' parser errors are ValueErrors
        return None
    if frame is None or times is None:
        return None
    prices = frame[[1, 2, 3, 4]].to_numpy(dtype=np.float64)
    volume = frame[5].to_numpy(dtype=np.float64)
    first, high, low, close = prices.T
    is_sound = (
        np.isfinite(prices).all()
        and np.isfinite(volume).all()
        and (low > 0).all()
        and (low <= np.minimum(first, close)).all()
        and (high >= np.maximum(first, close)).all()
        and (volume >= 0).all()
        and not frame[frame.columns[-1]].isna().any()  # a line that ends early
    )
    return Table(times, prices, volume) if is_sound else None


def _read_frame(path: Path) -> pd.DataFrame | None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline().rstrip("\r\n").split(",")
        has_header = looks_like_header(first)
        if has_header:
            check_header(first)
        cells = file.readline().rstrip("\r\n").split(",") if has_header else first
    if len(first) < len(COLUMNS) or len(cells) != len(first):
        return None
    dtype: dict[int, Any] = dict.fromkeys(range(1, 6), np.float64)
    dtype[0] = np.int64 if cells[0].isdigit() else str
    dtype |= dict.fromkeys(range(6, len(first)), str)
    return pd.read_csv(
        path,
        header=None,
        names=list(range(len(first))),
        index_col=False,
        skiprows=int(has_header),
        dtype=dtype,
        encoding="utf-8-sig",
        on_bad_lines="error",
    )


def _times(column: pd.Series[Any]) -> NDArray[np.int64] | None:
    if not len(column):
        return None
    if not pd.api.types.is_integer_dtype(column):
        parsed = pd.DatetimeIndex(pd.to_datetime(column, format="ISO8601", utc=True)).as_unit("ns")
        if parsed.hasnans:
            return None
        times = parsed.asi8
        return None if (times % 1_000_000).any() else times // 1_000_000
    numbers = column.to_numpy(dtype=np.int64)
    if (numbers < _FIRST_MILLISECOND).any() or (numbers >= _FIRST_MICROSECOND * 10).any():
        return None
    in_us = numbers >= _FIRST_MICROSECOND
    if not ((numbers < _FIRST_MILLISECOND * 10) | in_us).all() or (numbers[in_us] % 1_000).any():
        return None
    return np.where(in_us, numbers // 1_000, numbers)


def in_units(prices: NDArray[np.float64]) -> tuple[int, NDArray[np.int64]] | None:
    """Return the fewest decimals that hold every price exactly, and the prices as integers of them; None beyond 2**53.

    A float is the one nearest to n / 10**decimals exactly where dividing n by 10**decimals gives it back.
    """
    for decimals in range(MOST_DECIMALS + 1):
        unit = 10.0**decimals
        whole = np.rint(prices * unit)
        if (whole >= _EXACT).any():
            return None
        if (whole / unit == prices).all():
            return decimals, whole.astype(np.int64)
    return None


def integer_column(values: NDArray[np.int64]) -> array[int]:
    """Return a column of integers without a Python object per value."""
    made: array[int] = array("q")
    made.frombytes(np.ascontiguousarray(values, dtype=np.int64).tobytes())
    return made


def float_column(values: NDArray[np.float64]) -> array[float]:
    """Return a column of floats without a Python object per value."""
    made: array[float] = array("d")
    made.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return made
