"""Public routes at a market time whose past and future are known."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.integration.exchange_simulator.conftest import MONDAY_MS

if TYPE_CHECKING:
    from tests.integration.exchange_simulator.conftest import Simulator

MINUTE_MS = 60_000
KLINES = pytest.mark.parametrize("path", ["/api/v3/klines", "/fapi/v1/klines"])


@KLINES
def test_the_last_kline_is_the_forming_one_and_knows_only_its_open(frozen: Simulator, path: str) -> None:
    *_, closed, forming = frozen.get(path, symbol="BTCUSDT", interval="1m")
    assert [float(x) for x in closed[1:6]] == [49600, 50400, 49600, 50300, 5]
    assert forming[0] == MONDAY_MS + 5 * MINUTE_MS
    assert forming[6] == MONDAY_MS + 6 * MINUTE_MS - 1
    assert forming[1:6] == ["50300.00000000"] * 4 + ["0.00000000"]
    assert len(forming) == 12


@KLINES
def test_longer_klines_are_made_of_minutes_and_the_forming_one_ends_at_the_open(frozen: Simulator, path: str) -> None:
    rows = frozen.get(path, symbol="BTCUSDT", interval="3m")
    assert [[row[0], *map(float, row[1:6])] for row in rows] == [
        [MONDAY_MS, 50000, 50200, 49800, 49850, 6],
        [MONDAY_MS + 3 * MINUTE_MS, 49850, 50400, 49500, 50300, 9],
    ]


def test_a_minute_that_the_file_lacks_is_not_in_the_klines(moving: Simulator) -> None:
    moving.advance("2024-03-04T00:08:00Z")
    rows = moving.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=4)
    assert [(row[0] - MONDAY_MS) // MINUTE_MS for row in rows] == [4, 5, 7, 8]


def test_in_a_gap_the_price_is_the_last_close(moving: Simulator) -> None:
    moving.advance("2024-03-04T00:06:00Z")
    assert moving.get("/api/v3/ticker/price", symbol="BTCUSDT")["price"] == "50260.55000000"


@KLINES
@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"startTime": MONDAY_MS + MINUTE_MS, "limit": 2}, [1, 2]),
        ({"startTime": MONDAY_MS + MINUTE_MS + 1, "limit": 2}, [2, 3]),
        ({"endTime": MONDAY_MS + 2 * MINUTE_MS, "limit": 2}, [1, 2]),
        ({"endTime": MONDAY_MS + 3 * MINUTE_MS - 1, "limit": 2}, [1, 2]),
        ({"startTime": MONDAY_MS, "endTime": MONDAY_MS + MINUTE_MS}, [0, 1]),
        ({"startTime": MONDAY_MS + 4 * MINUTE_MS}, [4, 5]),
        ({"startTime": MONDAY_MS + 9 * MINUTE_MS}, []),
        ({"limit": 1}, [5]),
    ],
)
def test_klines_are_chosen_by_their_open_time(
    frozen: Simulator, path: str, chosen: dict[str, int], expected: list[int]
) -> None:
    rows = frozen.get(path, symbol="BTCUSDT", interval="1m", **chosen)
    assert [(row[0] - MONDAY_MS) // MINUTE_MS for row in rows] == expected


@pytest.mark.parametrize(
    ("interval", "opens_at"),
    [
        ("1h", MONDAY_MS),
        ("12h", MONDAY_MS),
        ("1d", MONDAY_MS),
        ("1w", MONDAY_MS),  # weeks begin on Monday
        ("1M", 1_709_251_200_000),  # 2024-03-01
    ],
)
def test_every_interval_has_a_forming_kline(frozen: Simulator, interval: str, opens_at: int) -> None:
    (row,) = frozen.get("/api/v3/klines", symbol="BTCUSDT", interval=interval)
    assert row[0] == opens_at
    assert [float(x) for x in row[1:6]] == [50000, 50400, 49500, 50300, 15]


def test_tickers_show_the_open_at_which_the_market_stands(frozen: Simulator) -> None:
    assert frozen.get("/api/v3/ticker/price", symbol="BTCUSDT") == {"symbol": "BTCUSDT", "price": "50300.00000000"}
    (futures,) = frozen.get("/fapi/v1/ticker/price")
    assert futures == {"symbol": "BTCUSDT", "price": "50300.00000000", "time": MONDAY_MS + 5 * MINUTE_MS}


def test_the_book_is_the_last_price_with_slippage_on_the_price_grid(frozen: Simulator) -> None:
    spot = frozen.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT")
    assert (spot["bidPrice"], spot["askPrice"]) == ("50289.94000000", "50310.06000000")
    futures = frozen.get("/fapi/v1/ticker/bookTicker", symbol="BTCUSDT")
    assert (futures["bidPrice"], futures["askPrice"]) == ("50289.90000000", "50310.10000000")


def test_day_statistics_cover_what_is_known_of_the_last_day(frozen: Simulator) -> None:
    day = frozen.get("/api/v3/ticker/24hr", symbol="BTCUSDT")
    assert (day["openPrice"], day["highPrice"], day["lowPrice"], day["lastPrice"]) == (
        "50000.00000000",
        "50400.00000000",
        "49500.00000000",
        "50300.00000000",
    )
    assert (day["volume"], day["priceChangePercent"]) == ("15.00000000", "0.600")
    assert day["closeTime"] == MONDAY_MS + 5 * MINUTE_MS


def test_the_average_price_is_the_mean_of_five_closes(frozen: Simulator) -> None:
    # of 50050, 50150, 49850, 49600 and 50300
    assert frozen.get("/api/v3/avgPrice", symbol="BTCUSDT")["price"] == "49990.00000000"


@pytest.mark.parametrize("path", ["/api/v3/time", "/fapi/v1/time"])
def test_server_time_is_real_time_whatever_the_market_time(frozen: Simulator, path: str) -> None:
    assert abs(frozen.get(path)["serverTime"] / 1000 - time.time()) < 5


def test_spot_filters_have_binances_shape_and_values(frozen: Simulator) -> None:
    (symbol,) = frozen.get("/api/v3/exchangeInfo", symbol="BTCUSDT")["symbols"]
    filters = {one["filterType"]: one for one in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert {"MARKET_LOT_SIZE", "PERCENT_PRICE_BY_SIDE", "MAX_NUM_ORDERS"} <= filters.keys()


def test_futures_filters_have_binances_shape_and_values(frozen: Simulator) -> None:
    (symbol,) = frozen.get("/fapi/v1/exchangeInfo")["symbols"]
    filters = {one["filterType"]: one for one in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.1"
    assert filters["LOT_SIZE"]["stepSize"] == "0.001"
    assert filters["MIN_NOTIONAL"]["notional"] == "100"
    assert symbol["contractType"] == "PERPETUAL"


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("symbol=NOPEUSDT&interval=1m", -1121, "Invalid symbol."),
        ("symbol=BTCUSDT&interval=7m", -1120, "Invalid interval."),
        ("interval=1m", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        (
            "symbol=BTCUSDT&interval=1m&limit=ten",
            -1100,
            "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.",
        ),
        ("symbol=BTCUSDT&interval=1m&limit=0", -1130, "Data sent for parameter 'limit' is not valid."),
        ("symbol=BTCUSDT&symbol=BTCUSDT&interval=1m", -1101, "Duplicate values for parameter 'symbol'."),
    ],
)
def test_wrong_market_data_requests_get_binances_refusals(
    frozen: Simulator, query: str, code: int, message: str
) -> None:
    response = frozen.http.get(f"/api/v3/klines?{query}")
    assert response.status_code == 400
    assert response.json() == {"code": code, "msg": message}


def test_used_weight_grows_by_binances_weights_on_each_api_apart(moving: Simulator) -> None:
    first = moving.http.get("/api/v3/klines?symbol=BTCUSDT&interval=1m")
    second = moving.http.get("/api/v3/exchangeInfo")
    futures = moving.http.get("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1000")
    if int(second.headers["X-MBX-USED-WEIGHT-1M"]) < int(first.headers["X-MBX-USED-WEIGHT-1M"]):
        pytest.skip("the wire minute changed between two requests")
    assert first.headers["X-MBX-USED-WEIGHT-1M"] == "2"
    assert second.headers["X-MBX-USED-WEIGHT-1M"] == "22"
    assert futures.headers["X-MBX-USED-WEIGHT-1M"] == "5"


def test_statistics_count_requests_and_weight_by_path(moving: Simulator) -> None:
    for _ in range(3):
        moving.get("/api/v3/klines", symbol="BTCUSDT", interval="1m")
    stats = moving.control("GET", "/stats")
    assert stats["requests"] == {"GET /api/v3/klines": 3}
    assert stats["total_weight"] == 6


def test_an_unknown_path_is_not_found(frozen: Simulator) -> None:
    assert frozen.http.get("/api/v3/nothing").status_code == 404
