"""Real ccxt against the simulated exchange: what rests beside a position, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.exchange_process import ExchangeProcess
from infra.local.state import Market
from tradebot.domain.order import OcoRequest, OrderRequest, OrderStatus, OrderType, Side, StopRequest
from tradebot.errors import (
    CancelRefusedError,
    ExchangeAuthenticationError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
    StopWouldTriggerError,
)
from tradebot.exchange.ccxt_client import make_client, make_key_checker
from tradebot.exchange.transport import Venue
from tradebot.exchange.venue_records import StopStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tradebot.domain.symbol import SymbolRules
    from tradebot.exchange.binance_futures import BinanceFuturesClient
    from tradebot.exchange.binance_spot import BinanceSpotClient

    Client = BinanceSpotClient | BinanceFuturesClient

START = datetime(2025, 1, 5, tzinfo=UTC)
QUANTITY = Decimal("0.01")
NUMBERS = count()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeProcess]:
    process = ExchangeProcess(tmp_path_factory.mktemp("exchange"), Market("generator", start=START))
    process.start()
    yield process
    process.stop()


def client_of(exchange: ExchangeProcess, market: str) -> Client:
    """Return the client of an account of its own."""
    name = f"key-{next(NUMBERS)}"
    exchange.open_account(name, "secret", {"spot": {"USDT": "10000"}, "futures": {"USDT": "10000"}})
    client = make_client(Venue(exchange.url), "live", market, api_key=name, secret_key="secret")
    client.synchronise_clock()
    rules_of(client)
    return client


def rules_of(client: Client) -> SymbolRules:
    """Return the filters, read once and known to the venue from then on, as a tick's market does it."""
    kept = client._transport.venue.symbol_rules
    if "BTCUSDT" not in kept:
        kept.update({one.rules.symbol: (0.0, one.rules) for one in client.listing()})
    return kept["BTCUSDT"][1]


def enter(client: Client, name: str = "entry") -> None:
    order = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, QUANTITY, name)
    assert client.send_order(order, client.wire_now_ms()).status is OrderStatus.FILLED


def level(client: Client, factor: str) -> Decimal:
    """Return a price on the grid, near the market's times `factor`."""
    rules = rules_of(client)
    return rules.price_of(rules.ticks_below(client.price("BTCUSDT") * Decimal(factor)))


def pair(client: Client, stop: str, profit: str, name: str = "1") -> OcoRequest:
    quantity = rules_of(client).floor_quantity(QUANTITY * Decimal("0.999"))
    return OcoRequest(
        "BTCUSDT",
        Side.SELL,
        quantity,
        f"list-{name}",
        level(client, stop),
        f"stop-{name}",
        level(client, profit),
        f"profit-{name}",
    )


def stop_request(client: Client, factor: str, name: str = "stop") -> StopRequest:
    return StopRequest("BTCUSDT", Side.SELL, QUANTITY, level(client, factor), name)


def run_until(exchange: ExchangeProcess, is_done: Callable[[], bool], minutes: int = 600) -> None:
    began_at = at = exchange.market_time()
    while not is_done():
        at += timedelta(minutes=10)
        assert at < began_at + timedelta(minutes=minutes), "the market did not come there"
        exchange.advance(at)


def test_a_list_rests_is_shown_is_cancelled_once_and_never_again(exchange: ExchangeProcess) -> None:
    client = client_of(exchange, "spot")
    enter(client)
    request = pair(client, "0.9", "1.1")
    placed = client.place_oco(request, client.wire_now_ms())
    found = client.find_order_list("list-1")
    assert (placed.list_id, placed.symbol, placed.is_live) == (found.list_id, found.symbol, found.is_live)
    resting = client.open_orders("BTCUSDT")
    for orders in (placed.orders, found.orders, resting):
        by_name = {order.client_order_id: order for order in orders}
        stop, profit = by_name["stop-1"], by_name["profit-1"]
        assert (stop.type, stop.stop_price, stop.price) == ("STOP_LOSS", request.stop_price, None)
        assert (profit.type, profit.price, profit.stop_price) == ("LIMIT_MAKER", request.take_profit_price, None)
        assert {order.quantity for order in orders} == {request.quantity}
        assert {order.status for order in orders} == {OrderStatus.NEW}
    with pytest.raises(OrderExistsError):
        client.place_oco(request, client.wire_now_ms())
    cancelled = client.cancel_order_list("BTCUSDT", "list-1")
    assert (cancelled.is_live, {order.status for order in cancelled.orders}) == (False, {OrderStatus.CANCELED})
    assert {order.client_order_id for order in cancelled.orders} == {"stop-1", "profit-1"}
    with pytest.raises(CancelRefusedError):
        client.cancel_order_list("BTCUSDT", "list-1")
    assert client.find_order_list("list-1").is_live is False
    assert client.open_orders("BTCUSDT") == ()
    with pytest.raises(OrderAbsentError):
        client.find_order_list("never")


@pytest.mark.parametrize(("stop", "profit", "hit"), [("0.995", "2", "stop"), ("0.5", "1.005", "profit")])
def test_one_order_of_a_list_executes_with_no_tick_and_the_other_expires(
    exchange: ExchangeProcess, stop: str, profit: str, hit: str
) -> None:
    client = client_of(exchange, "spot")
    enter(client)
    request = pair(client, stop, profit)
    client.place_oco(request, client.wire_now_ms())
    run_until(exchange, lambda: not client.find_order_list("list-1").is_live)
    by_name = {order.client_order_id: order for order in client.find_order_list("list-1").orders}
    executed = by_name.pop(f"{hit}-1")
    (other,) = by_name.values()
    assert (executed.status, other.status) == (OrderStatus.FILLED, OrderStatus.EXPIRED)
    assert sum(fill.quantity for fill in client.order_fills("BTCUSDT", executed.order_id)) == request.quantity
    with pytest.raises(CancelRefusedError):
        client.cancel_order("BTCUSDT", executed.client_order_id)


@pytest.mark.parametrize(("stop", "profit"), [("1.01", "1.1"), ("0.9", "0.99")])
def test_a_level_beyond_the_market_is_told_apart(exchange: ExchangeProcess, stop: str, profit: str) -> None:
    client = client_of(exchange, "spot")
    enter(client)
    with pytest.raises(StopWouldTriggerError):
        client.place_oco(pair(client, stop, profit), client.wire_now_ms())
    assert client.open_orders("BTCUSDT") == ()


def test_spot_takes_a_stop_and_a_take_profit_alone(exchange: ExchangeProcess) -> None:
    client = client_of(exchange, "spot")
    enter(client)
    sold = QUANTITY / 2
    stop = OrderRequest("BTCUSDT", Side.SELL, OrderType.STOP_LOSS, sold, "stop", stop_price=level(client, "0.9"))
    profit = OrderRequest("BTCUSDT", Side.SELL, OrderType.LIMIT, Decimal("0.004"), "profit", price=level(client, "1.1"))
    for request in (stop, profit):
        assert client.send_order(request, client.wire_now_ms()).status is OrderStatus.NEW
        assert client.find_order("BTCUSDT", request.client_order_id).status is OrderStatus.NEW
    for request in (stop, profit):
        assert client.cancel_order("BTCUSDT", request.client_order_id).status is OrderStatus.CANCELED
    beyond = OrderRequest("BTCUSDT", Side.SELL, OrderType.STOP_LOSS, sold, "beyond", stop_price=level(client, "1.1"))
    with pytest.raises(StopWouldTriggerError):
        client.send_order(beyond, client.wire_now_ms())


def test_a_futures_position_has_a_stop_and_a_take_profit_that_can_be_asked_for_and_cancelled(
    exchange: ExchangeProcess,
) -> None:
    client = client_of(exchange, "futures")
    before = client.standing("BTCUSDT")
    assert (before.free["USDT"], before.quantity, before.is_isolated) == (Decimal(10_000), Decimal(0), False)
    assert client.prepare_symbol("BTCUSDT", 5) > before.notional_cap, "less leverage allows more"
    after = client.standing("BTCUSDT")
    assert (after.leverage, after.is_isolated) == (5, True)
    enter(client)
    position = client.position("BTCUSDT")
    assert (position.quantity, position.leverage) == (QUANTITY, 5)
    assert position.liquidation_price is not None
    assert position.liquidation_price < position.entry_price * Decimal("0.85")
    assert abs(position.margin * 5 - position.entry_price * QUANTITY) < Decimal("0.01")
    request = stop_request(client, "0.9")
    placed = client.place_stop(request, client.wire_now_ms())
    assert (placed.status, placed.stop_price, placed.order_id) == (StopStatus.NEW, request.stop_price, None)
    assert client.find_stop("stop") == placed
    assert client.open_stops("BTCUSDT") == (placed,)
    assert client.open_orders("BTCUSDT") == (), "stops are not among the ordinary orders"
    with pytest.raises(OrderExistsError):
        client.place_stop(request, client.wire_now_ms())
    with pytest.raises(StopWouldTriggerError):
        client.place_stop(stop_request(client, "1.01", "beyond"), client.wire_now_ms())
    price = level(client, "1.04")
    profit = OrderRequest("BTCUSDT", Side.SELL, OrderType.LIMIT, QUANTITY, "profit", reduce_only=True, price=price)
    client.send_order(profit, client.wire_now_ms())
    (resting,) = client.open_orders("BTCUSDT")
    assert (resting.client_order_id, resting.reduce_only, resting.price) == ("profit", True, price)
    client.cancel_order("BTCUSDT", "profit")
    client.cancel_stop("stop")
    assert client.find_stop("stop").status is StopStatus.CANCELED
    with pytest.raises(CancelRefusedError):
        client.cancel_stop("stop")
    with pytest.raises(OrderAbsentError):
        client.find_stop("never")


def test_a_stop_that_was_hit_names_the_order_that_it_became(exchange: ExchangeProcess) -> None:
    client = client_of(exchange, "futures")
    client.prepare_symbol("BTCUSDT", 5)
    enter(client)
    client.place_stop(stop_request(client, "0.995"), client.wire_now_ms())
    run_until(exchange, lambda: client.find_stop("stop").status is not StopStatus.NEW)
    hit = client.find_stop("stop")
    assert hit.status is StopStatus.FINISHED
    assert hit.order_id is not None
    assert sum(fill.quantity for fill in client.order_fills("BTCUSDT", hit.order_id)) == QUANTITY
    assert client.position("BTCUSDT").quantity == 0
    assert client.open_stops("BTCUSDT") == ()


def test_funding_is_listed_from_the_stamp_on(exchange: ExchangeProcess) -> None:
    client = client_of(exchange, "futures")
    client.prepare_symbol("BTCUSDT", 5)
    enter(client)
    entered_at = exchange.market_time()
    assert client.funding_payments("BTCUSDT", entered_at) == ()
    midnight = entered_at.replace(hour=0, minute=0)
    stamp = next(at for hours in (8, 16, 24) if (at := midnight + timedelta(hours=hours)) > entered_at)
    exchange.advance(stamp)
    (paid,) = client.funding_payments("BTCUSDT", entered_at)
    assert (paid.symbol, paid.asset, paid.paid_at.replace(microsecond=0)) == ("BTCUSDT", "USDT", stamp)
    assert paid.amount < 0, "a long pays a positive rate"
    assert client.funding_payments("BTCUSDT", stamp + timedelta(minutes=1)) == ()


def test_a_key_without_the_markets_right_is_told_so_and_the_other_market_goes_on(exchange: ExchangeProcess) -> None:
    rights: Any = {"futures": {"USDT": "10000"}, "spot": {"USDT": "10000"}, "permissions": {"enableFutures": False}}
    exchange.open_account("spot-only", "secret", rights)
    spot, futures = (
        make_client(Venue(exchange.url), "live", market, api_key="spot-only", secret_key="secret")
        for market in ("spot", "futures")
    )
    enter(spot)
    with pytest.raises(ExchangeAuthenticationError, match="lacks the right"):
        enter(futures)


def test_a_key_that_no_site_knows_is_refused_on_the_testnet_too(exchange: ExchangeProcess) -> None:
    venue = Venue(exchange.url)
    checker = make_key_checker(venue, venue, "testnet", api_key="nobody", secret_key="secret")
    checker.synchronise_clock()
    with pytest.raises(ExchangeAuthenticationError, match="the other environment"):
        checker.key_report()


@pytest.mark.parametrize("market", ["spot", "futures"])
def test_a_symbol_that_is_not_listed_is_refused_in_clear_words(exchange: ExchangeProcess, market: str) -> None:
    client = client_of(exchange, market)
    gone = OrderRequest("GONEUSDT", Side.BUY, OrderType.MARKET, QUANTITY, "gone")
    with pytest.raises(OrderRejectedError, match="delisted"):
        client.send_order(gone, client.wire_now_ms())
