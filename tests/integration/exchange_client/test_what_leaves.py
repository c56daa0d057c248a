"""What goes over the wire: our ids and timestamps, exact numbers, the right endpoint, once."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.integration.exchange_client.conftest import CannedServer, Clients, http
from tests.integration.exchange_client.requests_table import (
    CANCELED_LIST,
    FUTURES_CANCELED,
    FUTURES_ORDER,
    LIST_ID,
    NAMED_LIST,
    OCO,
    ORDER,
    ORDER_ID,
    PLACED_LIST,
    SIGNED_AT_MS,
    SPOT_CANCELED,
    SPOT_ORDER,
    STOP,
    STOP_ID,
    STOP_LEG,
    STOP_REQUEST,
    TAKE_PROFIT_ID,
    TAKE_PROFIT_LEG,
)
from tradebot.domain.order import OrderStatus, OrderType, Side
from tradebot.domain.symbol import SymbolRules
from tradebot.errors import ExchangeClockError, OrderRejectedError
from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.domain.order import OrderRequest

RULES = SymbolRules(
    symbol="BTCUSDT",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_qty=Decimal("0.00001"),
    max_qty=Decimal(9000),
    min_notional=Decimal(5),
)


def sent(server: CannedServer, number: int = 0) -> tuple[str, dict[str, str]]:
    """Return path and parameters of a request; the signature is there and last."""
    line, body = server.requests[number]
    method, target, _ = line.split()
    path, _, query = target.partition("?")
    parameters = parse_qsl(query or body, keep_blank_values=True)
    assert parameters.pop()[0] == "signature"
    assert len(dict(parameters)) == len(parameters)
    return f"{method} {path}", dict(parameters)


SIGNED = {"timestamp": str(SIGNED_AT_MS), "recvWindow": "5000"}


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (ORDER, {"side": "BUY", "type": "MARKET", "quantity": "0.001"}),
        (replace(ORDER, price=Decimal(22000)), {"side": "BUY", "type": "MARKET", "quantity": "0.001"}),
        (replace(ORDER, quantity=Decimal("1E-7")), {"side": "BUY", "type": "MARKET", "quantity": "0.0000001"}),
        (
            replace(ORDER, type=OrderType.LIMIT, side=Side.SELL, price=Decimal("2.3E+4")),
            {"side": "SELL", "type": "LIMIT", "quantity": "0.001", "price": "23000", "timeInForce": "GTC"},
        ),
        (
            replace(ORDER, type=OrderType.STOP_LOSS, side=Side.SELL, stop_price=Decimal("21000.50")),
            {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.001", "stopPrice": "21000.5"},
        ),
        (
            replace(ORDER, type=OrderType.LIMIT_MAKER, side=Side.SELL, price=Decimal(23000)),
            {"side": "SELL", "type": "LIMIT_MAKER", "quantity": "0.001", "price": "23000"},
        ),
    ],
    ids=["market", "market with a price", "small quantity", "limit", "stop", "limit maker"],
)
def test_a_spot_order_leaves_as_it_was_asked_for(
    request_: OrderRequest, fields: dict[str, str], canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(200, SPOT_ORDER))
    clients.fresh("spot").send_order(request_, SIGNED_AT_MS)
    expected = {"symbol": "BTCUSDT", "newClientOrderId": ORDER_ID, "newOrderRespType": "FULL", **fields, **SIGNED}
    assert sent(canned_server) == ("POST /api/v3/order", expected)


@pytest.mark.parametrize("reduces", [False, True])
def test_a_futures_order_leaves_as_it_was_asked_for(
    reduces: bool,
    canned_server: CannedServer,
    clients: Clients,
) -> None:
    canned_server.play(http(200, FUTURES_ORDER))
    order = replace(ORDER, type=OrderType.LIMIT, price=Decimal("23000.10"), reduce_only=reduces)
    clients.fresh("futures").send_order(order, SIGNED_AT_MS)
    expected = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "0.001",
        "price": "23000.1",
        "timeInForce": "GTC",
        "newClientOrderId": ORDER_ID,
        "newOrderRespType": "RESULT",
        **({"reduceOnly": "true"} if reduces else {}),
        **SIGNED,
    }
    assert sent(canned_server) == ("POST /fapi/v1/order", expected)


@pytest.mark.parametrize(("side", "stop", "take_profit"), [("SELL", "below", "above"), ("BUY", "above", "below")])
def test_a_list_has_its_stop_on_the_losing_side(
    side: str, stop: str, take_profit: str, canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(200, PLACED_LIST))
    placed = clients.fresh("spot").place_oco(replace(OCO, side=Side(side)), SIGNED_AT_MS)
    assert sent(canned_server) == (
        "POST /api/v3/orderList/oco",
        {
            "symbol": "BTCUSDT",
            "side": side,
            "quantity": "0.001",
            "listClientOrderId": LIST_ID,
            f"{stop}Type": "STOP_LOSS",
            f"{stop}StopPrice": "21000",
            f"{stop}ClientOrderId": STOP_ID,
            f"{take_profit}Type": "LIMIT_MAKER",
            f"{take_profit}Price": "23000",
            f"{take_profit}ClientOrderId": TAKE_PROFIT_ID,
            "newOrderRespType": "RESULT",
            **SIGNED,
        },
    )
    assert (placed.list_id, placed.is_live) == (7, True)
    assert [(one.client_order_id, one.type, one.price, one.stop_price) for one in placed.orders] == [
        (STOP_ID, "STOP_LOSS", None, Decimal(21000)),
        (TAKE_PROFIT_ID, "LIMIT_MAKER", Decimal(23000), None),
    ]


def test_a_futures_stop_goes_to_the_algo_endpoint_and_only_reduces(
    canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(200, STOP))
    placed = clients.fresh("futures").place_stop(STOP_REQUEST, SIGNED_AT_MS)
    assert sent(canned_server) == (
        "POST /fapi/v1/algoOrder",
        {
            "algoType": "CONDITIONAL",
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "STOP_MARKET",
            "quantity": "0.001",
            "triggerPrice": "21000",
            "workingType": "CONTRACT_PRICE",
            "reduceOnly": "true",
            "clientAlgoId": STOP_ID,
            **SIGNED,
        },
    )
    assert (placed.algo_id, placed.order_id, placed.stop_price) == (2146760, None, Decimal(21000))


def test_cancels_name_the_order_and_can_be_fenced(canned_server: CannedServer, clients: Clients) -> None:
    cases: list[tuple[Callable[[Any], object], dict[str, Any], str, str]] = [
        (lambda one: one.cancel_order("BTCUSDT", ORDER_ID, SIGNED_AT_MS), SPOT_CANCELED, "order", "origClientOrderId"),
        (
            lambda one: one.cancel_order_list("BTCUSDT", LIST_ID, SIGNED_AT_MS),
            CANCELED_LIST,
            "orderList",
            "listClientOrderId",
        ),
    ]
    for call, answer, path, name in cases:
        canned_server.play(http(200, answer))
        call(clients.fresh("spot"))
        own_id = LIST_ID if path == "orderList" else ORDER_ID
        assert sent(canned_server) == (f"DELETE /api/v3/{path}", {"symbol": "BTCUSDT", name: own_id, **SIGNED})
    canned_server.play(http(200, FUTURES_CANCELED))
    cancelled = clients.fresh("futures").cancel_order("BTCUSDT", ORDER_ID)
    assert cancelled.status is OrderStatus.CANCELED
    assert sent(canned_server)[0] == "DELETE /fapi/v1/order"


def test_a_spot_cancel_is_known_by_the_orders_id_and_not_by_its_own(
    canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(200, SPOT_CANCELED))
    assert clients.fresh("spot").cancel_order("BTCUSDT", ORDER_ID).client_order_id == ORDER_ID


def test_a_queried_list_is_asked_for_each_of_its_orders(canned_server: CannedServer, clients: Clients) -> None:
    done = {**NAMED_LIST, "listOrderStatus": "ALL_DONE"}
    filled = {**STOP_LEG, "status": "FILLED", "executedQty": "0.001", "cummulativeQuoteQty": "20.9"}
    canned_server.play(http(200, done), http(200, filled), http(200, {**TAKE_PROFIT_LEG, "status": "EXPIRED"}))
    found = clients.fresh("spot").find_order_list(LIST_ID)
    assert found.is_live is False
    assert [order.status for order in found.orders] == [OrderStatus.FILLED, OrderStatus.EXPIRED]
    assert [sent(canned_server, number)[0] for number in range(3)] == [
        "GET /api/v3/orderList",
        "GET /api/v3/order",
        "GET /api/v3/order",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        replace(ORDER, client_order_id=""),
        replace(ORDER, client_order_id="an id with spaces"),
        replace(ORDER, client_order_id="x" * 37),
        replace(ORDER, quantity=Decimal("0.000001")),
        replace(ORDER, quantity=Decimal(0)),
        replace(ORDER, quantity=Decimal(-1)),
        replace(ORDER, quantity=Decimal("NaN")),
        replace(ORDER, type=OrderType.LIMIT, price=Decimal("22000.001")),
        replace(ORDER, type=OrderType.LIMIT),
        replace(ORDER, type=OrderType.STOP_LOSS),
        replace(ORDER, type=OrderType.STOP_MARKET, stop_price=Decimal(21000)),
    ],
    ids=lambda order: f"{order.type} {order.quantity} {order.price} {order.client_order_id}",
)
def test_what_was_never_rounded_or_named_is_not_sent(
    request_: OrderRequest, canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(500))
    client = clients.fresh("spot")
    client._transport.venue.symbol_rules["BTCUSDT"] = (0.0, RULES)
    with pytest.raises(OrderRejectedError, match="nothing was sent"):
        client.send_order(request_, SIGNED_AT_MS)
    assert canned_server.connections == 0


def test_a_query_that_meets_a_clock_error_measures_the_clock_and_asks_once_more(
    canned_server: CannedServer, clients: Clients
) -> None:
    late = http(400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    canned_server.play(late, http(200, {"serverTime": now_ms + 20_000}), http(200, SPOT_ORDER))
    client = clients.fresh("spot")
    client.find_order("BTCUSDT", ORDER_ID)
    first, again = (int(sent(canned_server, number)[1]["timestamp"]) for number in (0, 2))
    assert 15_000 < again - first < 25_000
    canned_server.play(late)
    with pytest.raises(ExchangeClockError):
        client.send_order(ORDER, SIGNED_AT_MS)
    assert canned_server.connections == 1, "an order is tried anew by whoever holds the lease, as a new attempt"


def test_a_clock_that_is_40_s_off_is_refused_before_anything_is_sent(
    canned_server: CannedServer, clients: Clients
) -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    canned_server.play(http(200, {"serverTime": now_ms + 40_000}))
    with pytest.raises(ExchangeClockError, match=r"40\.\d s \(limit: 30\)"):
        clients.fresh("spot").synchronise_clock()


@pytest.mark.parametrize("market", ["spot", "futures"])
def test_an_ed25519_key_signs_what_its_public_key_verifies(market: str, canned_server: CannedServer) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    canned_server.play(http(200, SPOT_ORDER if market == "spot" else FUTURES_ORDER))
    client: Any = make_client(Venue(canned_server.url), "live", market, api_key="a", secret_key=pem)
    client.send_order(ORDER, SIGNED_AT_MS)
    client.find_order("BTCUSDT", ORDER_ID)
    for line, body in canned_server.requests:
        signed, _, signature = (body or line.split()[1].partition("?")[2]).partition("&signature=")
        key.public_key().verify(b64decode(unquote(signature)), signed.encode())
