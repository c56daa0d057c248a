"""CSV files of klines: Binance's own layouts, ours, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infra.local.exchange.errors import StartError
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.market.csv_file import FileMinutes, read_minutes, symbol_of

UNIT = 100_000_000
T0 = 1_678_701_600_000  # 2023-03-13T10:00:00Z
EXPECTED = [
    Candle(T0, 20100 * UNIT, 20150 * UNIT, 20099_50000000, 20149_99000000, 12_34500000),
    Candle(T0 + 60_000, 20150 * UNIT, 20151 * UNIT, 20150 * UNIT, 20151 * UNIT, 0),
]
TAIL = "1678701659999,248000.5,321,6.1,122000.2,0"


HEADER = "open_time,open,high,low,close,volume"
NUMBERS = ("20100.00,20150.00,20099.50,20149.99,12.345", "20150,20151,20150,20151,0")


def lines(*rows: str, end: str = "\n") -> str:
    return "".join(row + end for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        lines(f"1678701600000,{NUMBERS[0]},{TAIL}", f"1678701660000,{NUMBERS[1]},{TAIL}"),
        lines(f"1678701600000000,{NUMBERS[0]},{TAIL}", f"1678701660000000,{NUMBERS[1]},{TAIL}"),
        lines(
            HEADER + ",close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore",
            f"1678701600000,{NUMBERS[0]},{TAIL}",
            f"1678701660000,{NUMBERS[1]},{TAIL}",
        ),
        lines(HEADER, f"2023-03-13 10:00:00+00:00,{NUMBERS[0]}", f"2023-03-13 10:01:00+00:00,{NUMBERS[1]}"),
        lines(
            "\ufeff" + HEADER, f"2023-03-13T10:00:00Z,{NUMBERS[0]}", f"2023-03-13T10:01Z,{NUMBERS[1]}", "", end="\r\n"
        ),
    ],
    ids=["milliseconds", "microseconds", "with header", "iso times", "byte order mark and empty line"],
)
def test_every_layout_gives_the_same_minutes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "BTCUSDT-1m-2023-03.csv"
    path.write_text(text, newline="")
    assert read_minutes(path) == EXPECTED


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("1678701600000,1,1,1,1,1\n", "at least two"),
        ("1678701600000,1,1,1,1,1\n1678701600000,1,1,1,1,1\n", "line 2.*ascend"),
        ("1678701660000,1,1,1,1,1\n1678701600000,1,1,1,1,1\n", "line 2.*ascend"),
        ("1678701600001,1,1,1,1,1\n", "line 1.*whole minutes"),
        ("1678701600000,1,1,1,1,1\n1678701660000,2,1,1,1,1\n", "line 2.*low <= open"),
        ("1678701600000,1,1,1,one,1\n", "line 1: not a kline"),
        ("1678701600000,1,1\n", "line 1: not a kline"),
        ("1678701600000,1,1,1,nan,1\n", "line 1"),
        ("1678701600000,1,1,1,1,1\n1678701900000,1,1,1,1,1\n", "5 minutes; the market is made of 1-minute"),
    ],
)
def test_a_file_that_is_no_market_is_refused_with_its_line(tmp_path: Path, rows: str, words: str) -> None:
    path = tmp_path / "BTCUSDT-1m.csv"
    path.write_text(rows)
    with pytest.raises(StartError, match=words):
        read_minutes(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot read"):
        read_minutes(tmp_path / "none.csv")


def test_the_symbol_stands_in_the_name() -> None:
    assert symbol_of(Path("/x/ETHUSDT-1m-2024-01.csv")) == "ETHUSDT"
    assert symbol_of(Path("candles.csv")) is None


def test_the_real_minutes_are_found_by_their_time() -> None:
    folder = Path(os.environ.get("TRADEBOT_DATA", Path(__file__).parents[4] / "shared" / "data"))
    path = folder / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"
    if not path.exists():
        pytest.skip(f"the real candles are not at {path}")
    source = FileMinutes(path, "BTCUSDT")
    first = source.candle(MarketKind.SPOT, "BTCUSDT", source.first_ms)
    assert first is not None
    assert (first.open, first.close) == (23140_48000000, 23142_31000000)
    assert source.last_ms is not None
    last = source.candle(MarketKind.FUTURES, "BTCUSDT", source.last_ms)
    assert last is not None
    assert (last.high, last.low) == (28123_37000000, 28094_85000000)
    assert source.candle(MarketKind.SPOT, "BTCUSDT", source.last_ms + 60_000) is None
    assert source.close_before(MarketKind.SPOT, "BTCUSDT", source.last_ms + 600_000) == last.close
