"""Real ccxt against the simulated exchange: market data, accounts, orders and their fills, on both markets."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.local.exchange_process import ExchangeProcess
from infra.local.state import Market
from tradebot.domain.order import OrderRequest, OrderStatus, OrderType, Side
from tradebot.errors import ExchangeAuthenticationError, OrderAbsentError, OrderRejectedError
from tradebot.exchange import binance_futures, weights
from tradebot.exchange.ccxt_client import make_client, make_key_checker
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradebot.exchange.binance_futures import BinanceFuturesClient
    from tradebot.exchange.binance_spot import BinanceSpotClient

    Client = BinanceSpotClient | BinanceFuturesClient

BOTH_MARKETS = pytest.mark.parametrize("market", ["spot", "futures"])
START = datetime(2025, 1, 5, tzinfo=UTC)


class Scales:
    """A gate that lets everything pass and writes down what it is told."""

    def __init__(self) -> None:
        self.admitted: list[int] = []
        self.told: list[int] = []
        self.stated: list[int] = []

    def admit(self, weight: int) -> None:
        self.admitted.append(weight)

    def tell(self, used_weight: int, answered_at: datetime) -> None:
        assert abs(answered_at - datetime.now(UTC)) < timedelta(seconds=5)
        self.told.append(used_weight)

    def block(self, seconds: float) -> None:
        raise AssertionError(seconds)

    def limit(self, weight_per_minute: int) -> None:
        self.stated.append(weight_per_minute)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    process = ExchangeProcess(tmp_path_factory.mktemp("exchange"), Market("generator", start=START))
    process.start()
    process.open_account("key", "secret", {"spot": {"USDT": "10000"}, "futures": {"USDT": "10000"}})
    yield process
    process.stop()


def client_of(exchange: ExchangeProcess, market: str, secret_key: str = "secret") -> Client:
    return make_client(Venue(exchange.url), "live", market, api_key="key", secret_key=secret_key)


def buy(quantity: str, name: str) -> OrderRequest:
    return OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(quantity), name)


@BOTH_MARKETS
def test_candles_come_whole_and_in_order_over_several_pages(exchange: ExchangeProcess, market: str) -> None:
    client = client_of(exchange, market)
    minutes = 2_345
    candles = client.candles("BTCUSDT", "1m", START - timedelta(minutes=minutes), START)
    assert [candle.open_time for candle in candles] == [
        START - timedelta(minutes=minutes - index) for index in range(minutes)
    ]
    assert client._transport.venue.request_count == {"spot": 3, "futures": 5}[market]
    assert client.candles("BTCUSDT", "5m", START - timedelta(minutes=5), START)[0].close == candles[-1].close


def test_the_funding_history_ends_before_its_end_and_comes_over_several_pages(
    exchange: ExchangeProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binance_futures, "FUNDING_PAGE_SIZE", 4)
    client = client_of(exchange, "futures")
    found = client.funding_settlements("BTCUSDT", START - timedelta(days=3), START)
    assert [one.settled_at for one in found] == [START - timedelta(hours=8 * (9 - index)) for index in range(9)]
    assert {one.rate for one in found} == {Decimal("0.0001")}
    assert all(one.mark_price is not None and one.mark_price > 0 for one in found)
    assert client._transport.venue.request_count == 3


@BOTH_MARKETS
def test_the_list_of_symbols_comes_in_one_request(exchange: ExchangeProcess, market: str) -> None:
    client = client_of(exchange, market)
    (listed,) = [one for one in client.listing() if one.rules.symbol == "BTCUSDT"]
    assert listed.trades
    rules = listed.rules
    assert (rules.base_asset, rules.quote_asset) == ("BTC", "USDT")
    assert rules.tick_size > 0
    assert rules.step_size > 0
    assert client._transport.venue.request_count == 1


@BOTH_MARKETS
def test_every_request_weighs_what_the_exchange_counts(exchange: ExchangeProcess, market: str) -> None:
    gate = Scales()
    client = make_client(Venue(exchange.url, gate), "live", market)
    client.listing()
    client.candles("BTCUSDT", "1m", START - timedelta(minutes=5), START)
    client.price("BTCUSDT")
    client.synchronise_clock()
    assert gate.stated
    assert len(gate.told) == len(gate.admitted) == 4
    assert [later - earlier for earlier, later in pairwise(gate.told)] == gate.admitted[1:]


def test_the_weight_of_every_endpoint_that_is_called_is_known() -> None:
    folder = Path(weights.__file__).parent
    text = "".join(path.read_text() for path in folder.glob("binance*.py"))
    called = set(re.findall(r'"((?:public|private|fapi(?:Public|Private)|sapi)(?:V\d)?(?:Get|Post|Delete)\w+)"', text))
    assert len(called) > 20
    assert {name for name in called if not weights.is_listed(name)} == set()


@BOTH_MARKETS
def test_an_order_is_sent_found_and_its_fills_add_up(exchange: ExchangeProcess, market: str) -> None:
    client = client_of(exchange, market)
    client.synchronise_clock()
    before = client.free_balances()["USDT"]
    sent = client.send_order(buy("0.01", f"sent-{market}"), client.wire_now_ms())
    assert (sent.status, sent.executed_quantity, sent.side) == (OrderStatus.FILLED, Decimal("0.01"), Side.BUY)
    found = client.find_order("BTCUSDT", f"sent-{market}")
    listed = client.find_listed_order("BTCUSDT", f"sent-{market}")
    assert listed is not None
    for other in (found, listed):
        assert (other.order_id, other.quote_quantity) == (sent.order_id, sent.quote_quantity)
    fills = client.order_fills("BTCUSDT", sent.order_id)
    assert sum(fill.quantity for fill in fills) == sent.executed_quantity
    assert sum(fill.quote_quantity for fill in fills) == sent.quote_quantity
    assert {fill.commission_asset for fill in fills} == {"BTC" if market == "spot" else "USDT"}
    if market == "spot":
        assert sent.fills == fills, "the order's own answer and the list of trades agree"
        assert client.free_balances()["USDT"] == before - sent.quote_quantity


@BOTH_MARKETS
def test_an_order_that_was_never_sent_is_not_shown(exchange: ExchangeProcess, market: str) -> None:
    client = client_of(exchange, market)
    with pytest.raises(OrderAbsentError):
        client.find_order("BTCUSDT", "never")
    assert client.find_listed_order("BTCUSDT", "never") is None


@BOTH_MARKETS
def test_what_the_filters_forbid_is_refused_for_good(exchange: ExchangeProcess, market: str) -> None:
    client = client_of(exchange, market)
    with pytest.raises(OrderRejectedError):
        client.send_order(buy("0.0000001", "too-small"), client.wire_now_ms())


@BOTH_MARKETS
def test_a_wrong_secret_is_the_keys_fault(exchange: ExchangeProcess, market: str) -> None:
    with pytest.raises(ExchangeAuthenticationError):
        client_of(exchange, market, secret_key="wrong").free_balances()


def test_a_reduce_only_order_cannot_open_a_position(exchange: ExchangeProcess) -> None:
    exchange.open_account("flat", "secret", {"futures": {"USDT": "10000"}})
    client = make_client(Venue(exchange.url), "live", "futures", api_key="flat", secret_key="secret")
    order = OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, Decimal("0.01"), "reduce", reduce_only=True)
    with pytest.raises(OrderRejectedError):
        client.send_order(order, client.wire_now_ms())


@pytest.mark.parametrize("environment", ["live", "testnet"])
def test_a_key_says_what_it_may_do(exchange: ExchangeProcess, environment: str) -> None:
    report = make_key_checker(
        Venue(exchange.url), Venue(exchange.url), environment, api_key="key", secret_key="secret"
    ).key_report()
    assert (report.can_read, report.can_trade, report.can_withdraw) == (True, True, False)
