"""The generated market: the same everywhere and always, lively, and there before it begins."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.exchange_simulator.conftest import Simulator

START = "2025-03-01T00:00:00Z"
START_MS = 1_740_787_200_000
HOUR_MS = 3_600_000


def session(simulator: Simulator) -> list[Any]:
    """Trade a little and return every answer."""
    answers = []
    account = simulator.account(spot={"USDT": "10000"}, futures={"USDT": "10000"})
    for minute in range(1, 6):
        answers.append(simulator.advance(f"2025-03-01T00:0{minute}:00Z")["market_time"])
        for symbol, quantity in (("BTCUSDT", "0.01"), ("ETHUSDT", "0.1"), ("SOLUSDT", "1")):
            order = {"symbol": symbol, "side": "BUY" if minute % 2 else "SELL", "type": "MARKET", "quantity": quantity}
            answers.append(account.send("POST", "/api/v3/order", **order).json())
            answers.append(account.send("POST", "/fapi/v1/order", **order, newOrderRespType="RESULT").json())
            answers.append(simulator.get("/api/v3/klines", symbol=symbol, interval="15m", limit=4))
    answers.append(account.ok("GET", "/api/v3/account")["balances"])
    answers.append(account.ok("GET", "/fapi/v3/account"))
    return answers


def test_the_same_seed_and_the_same_requests_give_the_same_answers(start_simulator: Callable[..., Simulator]) -> None:
    one, other = (start_simulator("--seed", "11", "--start", START) for _ in range(2))
    other.get("/api/v3/klines", symbol="BTCUSDT", interval="1d", limit=3)  # what was looked at before does not matter
    assert session(one) == session(other)


def test_another_seed_is_another_market(start_simulator: Callable[..., Simulator]) -> None:
    one, other = (start_simulator("--seed", seed, "--start", START) for seed in ("11", "12"))
    path = "/api/v3/klines"
    assert one.get(path, symbol="BTCUSDT", interval="1m") != other.get(path, symbol="BTCUSDT", interval="1m")


def test_every_symbol_has_a_long_history_without_gaps_on_its_price_grid(
    start_simulator: Callable[..., Simulator],
) -> None:
    simulator = start_simulator("--start", START)
    listed = simulator.get("/api/v3/exchangeInfo")["symbols"]
    assert {one["symbol"] for one in listed} == {"BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT"}
    for one in listed:
        tick = next(part["tickSize"] for part in one["filters"] if part["filterType"] == "PRICE_FILTER")
        assert tick == "0.01000000"
        rows = simulator.get("/api/v3/klines", symbol=one["symbol"], interval="1m", limit=1000)
        assert [row[0] for row in rows] == [START_MS - back * 60_000 for back in range(999, -1, -1)]
        for row in rows:
            open_, high, low, close = (round(float(price) * 100, 6) for price in row[1:5])
            assert 0 < low <= min(open_, close) <= max(open_, close) <= high
            assert all(price == int(price) for price in (open_, high, low, close))


def test_futures_prices_follow_spot_on_their_own_grid(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator("--start", START)
    spot = simulator.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=50)
    futures = simulator.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=50)
    for one, other in zip(spot, futures, strict=True):
        assert one[0] == other[0]
        assert abs(float(one[4]) - float(other[4])) <= 0.05 + 1e-6
        assert other[4].endswith("0000000")


def test_averages_cross_and_prices_move_enough_for_a_demo(start_simulator: Callable[..., Simulator]) -> None:
    """Within any of eight hours, a fast and a slow average cross and the price spans at least 0.8 %."""
    simulator = start_simulator("--start", START)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        rows = simulator.get("/api/v3/klines", symbol=symbol, interval="1m", limit=600)
        closes = [float(row[4]) for row in rows]
        fast, slow = closes[0], closes[0]
        above = []
        for close in closes:
            fast += (close - fast) * 2 / 6
            slow += (close - slow) * 2 / 13
            above.append(fast > slow)
        crosses = [left != right for left, right in pairwise(above)]
        for hour in range(8):
            first = 100 + hour * 60
            part = closes[first : first + 60]
            assert any(crosses[first : first + 60])
            assert max(part) / min(part) > 1.008
