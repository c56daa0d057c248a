"""Columns of numbers as bytes and back: a line of JSON, then each column's eight-byte values, little-endian.

The same columns give the same bytes on every machine. Reading makes no Python object per value.
"""

from __future__ import annotations

import json
import sys
from array import array
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.candles import CandleArray
from tradebot.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradebot.engine.backtest_setup import Units

_VERSION: Final = 1
_CANDLE_COLUMNS: Final = ("open_time_ms", "open", "high", "low", "close", "volume")
_TRADE_COLUMNS: Final = (
    *("at_ms", "candle_ms", "leg", "position_side", "reason", "is_maker", "price", "quantity", "quote", "fee"),
    *("commission", "is_base_commission", "funding", "realized_pnl"),
)
_DAY_COLUMNS: Final = ("day", "base", "end", "realized_pnl", "entries")
_OUTPUT_COLUMNS: Final = ("equity", "skipped_at_ms", "skipped_reason", "gap_from_ms", "gap_to_ms")


def pack_candles(candles: CandleArray) -> bytes:
    """Return the candles' columns in one piece."""
    head = {"kind": "candles", "timeframe": candles.timeframe.value, "price_decimals": candles.price_decimals}
    return _pack(head, {name: getattr(candles, name) for name in _CANDLE_COLUMNS})


def unpack_candles(data: bytes) -> CandleArray:
    """Return what `pack_candles` wrote."""
    head, columns = _unpack(data, "candles")
    return CandleArray(Timeframe(head["timeframe"]), head["price_decimals"], **columns)


def pack_output(output: BacktestOutput) -> bytes:
    """Return what a part of a backtest brought, without its units."""
    columns: dict[str, array[Any]] = {name: getattr(output, name) for name in _OUTPUT_COLUMNS}
    columns |= {f"trades.{name}": getattr(output.trades, name) for name in _TRADE_COLUMNS}
    columns |= {f"days.{name}": getattr(output.days, name) for name in _DAY_COLUMNS}
    return _pack({"kind": "output", "warm_up": output.warm_up}, columns)


def unpack_output(data: bytes, units: Units) -> BacktestOutput:
    """Return what `pack_output` wrote, in the units of its backtest."""
    head, columns = _unpack(data, "output")
    output = BacktestOutput(units, head["warm_up"])
    for name in _OUTPUT_COLUMNS:
        setattr(output, name, columns[name])
    for name in _TRADE_COLUMNS:
        setattr(output.trades, name, columns[f"trades.{name}"])
    for name in _DAY_COLUMNS:
        setattr(output.days, name, columns[f"days.{name}"])
    return output


def _pack(head: dict[str, Any], columns: Mapping[str, array[Any]]) -> bytes:
    listed = [[name, column.typecode, len(column)] for name, column in columns.items()]
    line = json.dumps({**head, "version": _VERSION, "columns": listed}, sort_keys=True, separators=(",", ":")).encode()
    # The columns begin at a multiple of eight.
    line += b" " * (-(len(line) + 1) % 8) + b"\n"
    return b"".join([line, *map(_little_endian, columns.values())])


def _unpack(data: bytes, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    end = data.index(b"\n") + 1
    head = json.loads(data[:end])
    if head["kind"] != kind or head["version"] != _VERSION:
        raise ConfigurationError(f"packed {head['kind']} of version {head['version']} were found instead of {kind}")
    columns: dict[str, array[Any]] = {}
    view, at = memoryview(data), end
    for name, typecode, count in head["columns"]:
        column: array[Any] = array(typecode)
        column.frombytes(view[at : at + 8 * count])
        if sys.byteorder == "big":
            column.byteswap()
        columns[name] = column
        at += 8 * count
    if at != len(data):
        raise ConfigurationError(f"packed {kind} hold {len(data)} bytes where {at} belong")
    return head, columns


def _little_endian(column: array[Any]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()
