"""What an answer to an order means, through real ccxt over HTTP: what is not surely refused is UNKNOWN."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.exchange_client.conftest import Canned, CannedServer, http
from tradebot.domain.order import OrderRequest, OrderStatus, OrderType, Side
from tradebot.errors import (
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    OrderExistsError,
    OrderRejectedError,
)
from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from tradebot.exchange.binance_futures import BinanceFuturesClient
    from tradebot.exchange.binance_spot import BinanceSpotClient

SECRET = "canary-secret-key-value"
CLIENT_ORDER_ID = "tb1-abcdefghijklmnopqrstuvwx"
SPOT_ORDER: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": CLIENT_ORDER_ID,
    "transactTime": 1678701600123,
    "price": "0.00000000",
    "origQty": "0.00100000",
    "executedQty": "0.00100000",
    "cummulativeQuoteQty": "22.15000010",
    "status": "FILLED",
    "timeInForce": "GTC",
    "type": "MARKET",
    "side": "BUY",
    "fills": [
        {"price": "22150.00", "qty": "0.00040000", "commission": "0.00000040", "commissionAsset": "BTC", "tradeId": 56},
        {"price": "22150.01", "qty": "0.00060000", "commission": "0.00000060", "commissionAsset": "BTC", "tradeId": 57},
    ],
}


def client_of(server: CannedServer, market: str = "spot") -> BinanceSpotClient | BinanceFuturesClient:
    client = make_client(Venue(server.url), "live", market, api_key="canary-api-key", secret_key=SECRET)
    client._transport._client.timeout = 300  # ms; nothing here takes long unless it hangs
    return client


FLAT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "positionSide": "BOTH",
    "positionAmt": "0.000",
    "entryPrice": "0.0",
    "liquidationPrice": "0",
    "leverage": "20",
    "isolatedWallet": "0",
}
SIGNED_AT_MS = 1678701600000


def request(quantity: str = "0.001") -> OrderRequest:
    return OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal(quantity), CLIENT_ORDER_ID)


def refusal(code: int, message: str = "Canned.", status: int = 400) -> Canned:
    return http(status, {"code": code, "msg": message})


WHOLE = json.dumps(SPOT_ORDER).encode()
CASES: dict[str, tuple[Canned, type[ExchangeError]]] = {
    # No answer, or none that can be read: UNKNOWN.
    "no answer before the timeout": (Canned(hang=True), ExchangeUnavailableError),
    "connection reset": (Canned(reset=True), ExchangeUnavailableError),
    "connection closed without a word": (Canned(), ExchangeUnavailableError),
    "head cut off": (Canned(b"HTTP/1.1 200 OK\r\nContent-Le"), ExchangeUnavailableError),
    "body cut off on the line": (http(200, WHOLE[:80], content_length=len(WHOLE)), ExchangeUnavailableError),
    "body cut off before the line": (http(200, WHOLE[:80]), ExchangeUnavailableError),
    "error body cut off on the line": (
        http(400, b'{"code":-2010,"msg":"Acc', content_length=70),
        ExchangeUnavailableError,
    ),
    "error body cut off before the line": (http(400, b'{"code":-2010,"msg":"Acc'), ExchangeUnavailableError),
    "empty 200": (http(200), ExchangeUnavailableError),
    "empty object": (http(200, {}), ExchangeUnavailableError),
    "null": (http(200, b"null"), ExchangeUnavailableError),
    "a list": (http(200, []), ExchangeUnavailableError),
    "text": (http(200, b"OK", content_type="text/plain"), ExchangeUnavailableError),
    "HTML with 200": (http(200, b"<html>hello</html>", content_type="text/html"), ExchangeUnavailableError),
    "broken gzip": (
        http(200, gzip.compress(WHOLE)[:-20], {"Content-Encoding": "gzip"}),
        ExchangeUnavailableError,
    ),
    "not gzip at all": (http(200, WHOLE, {"Content-Encoding": "gzip"}), ExchangeUnavailableError),
    "not UTF-8": (http(200, b'{"clientOrderId": "\xff\xfe"}'), ExchangeUnavailableError),
    "another order": (http(200, {**SPOT_ORDER, "clientOrderId": "web_1"}), ExchangeUnavailableError),
    "order without id": (http(200, {**SPOT_ORDER, "orderId": None}), ExchangeUnavailableError),
    "order without status": (http(200, {**SPOT_ORDER, "status": None}), ExchangeUnavailableError),
    "status that is new to us": (http(200, {**SPOT_ORDER, "status": "PENDING_MIRACLE"}), ExchangeUnavailableError),
    "quantity that is not a number": (http(200, {**SPOT_ORDER, "executedQty": "NaN"}), ExchangeUnavailableError),
    "trades that do not add up": (
        http(200, {**SPOT_ORDER, "fills": SPOT_ORDER["fills"][:1]}),
        ExchangeUnavailableError,
    ),
    "redirect": (http(302, b"", {"Location": "http://127.0.0.1:9/"}), ExchangeUnavailableError),
    "500 HTML": (http(500, b"<html>Oops</html>", content_type="text/html"), ExchangeUnavailableError),
    "502 HTML": (http(502, b"<html>Bad Gateway</html>", content_type="text/html"), ExchangeUnavailableError),
    "503 unknown": (
        refusal(-1000, "Unknown error, please check your request or try again later.", 503),
        ExchangeUnavailableError,
    ),
    "504 -1007": (
        refusal(-1007, "Timeout waiting for response from backend server. Send status unknown.", 504),
        ExchangeUnavailableError,
    ),
    "5xx outranks a code that would refuse": (refusal(-2010, status=500), ExchangeUnavailableError),
    "403 of a firewall": (http(403, b"<html>denied</html>", content_type="text/html"), ExchangeUnavailableError),
    "408": (http(408, b""), ExchangeUnavailableError),
    "451": (
        http(451, {"code": 0, "msg": "Service unavailable from a restricted location."}),
        ExchangeUnavailableError,
    ),
    "-1000": (refusal(-1000), ExchangeUnavailableError),
    "-1001": (refusal(-1001, "Internal error; unable to process your request."), ExchangeUnavailableError),
    "-1006": (refusal(-1006, "An unexpected response was received."), ExchangeUnavailableError),
    "-1007": (refusal(-1007), ExchangeUnavailableError),
    "-1008": (refusal(-1008, "Server is currently overloaded."), ExchangeUnavailableError),
    "-1016": (refusal(-1016, "This service is no longer available."), ExchangeUnavailableError),
    "a code nobody listed": (refusal(-9876), ExchangeUnavailableError),
    # Not executed, for a reason that passes.
    "-1021": (refusal(-1021, "Timestamp for this request is outside of the recvWindow."), ExchangeClockError),
    "429": (http(429, {"code": -1003, "msg": "Too many requests."}, {"Retry-After": "7"}), ExchangeThrottledError),
    "418": (http(418, {"code": -1003, "msg": "banned"}, {"Retry-After": "300"}), ExchangeThrottledError),
    "-1015": (refusal(-1015, "Too many new orders."), ExchangeThrottledError),
    # The key.
    "-2014": (refusal(-2014, "API-key format invalid."), ExchangeAuthenticationError),
    "-2015": (refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401), ExchangeAuthenticationError),
    "-1022": (refusal(-1022, "Signature for this request is not valid."), ExchangeAuthenticationError),
    # It exists.
    "-2010 duplicate": (refusal(-2010, "Duplicate order sent."), OrderExistsError),
    "-4116": (refusal(-4116, "ClientOrderId is duplicated."), OrderExistsError),
    # Refused for good.
    "-2010 balance": (refusal(-2010, "Account has insufficient balance for requested action."), OrderRejectedError),
    "-1013 filter": (refusal(-1013, "Filter failure: LOT_SIZE"), OrderRejectedError),
    "-1013 without its text": (refusal(-1013), OrderRejectedError),
    "-1111": (refusal(-1111, "Precision is over the maximum defined for this asset."), OrderRejectedError),
    "-1121": (refusal(-1121, "Invalid symbol."), OrderRejectedError),
}


@pytest.mark.parametrize("case", CASES)
def test_an_answer_to_an_order_means(case: str, canned_server: CannedServer) -> None:
    canned, expected = CASES[case]
    canned_server.script = [canned]
    with pytest.raises(ExchangeError) as caught:
        client_of(canned_server).send_order(request(), SIGNED_AT_MS)
    assert type(caught.value) is expected or (
        expected is ExchangeUnavailableError and isinstance(caught.value, ExchangeUnavailableError)
    ), caught.value
    assert len(canned_server.requests) == 1, "an order is sent once, whatever the answer"


@pytest.mark.parametrize("case", CASES)
def test_no_error_carries_the_secret_the_key_or_the_signature(case: str, canned_server: CannedServer) -> None:
    canned_server.script = [CASES[case][0]]
    with pytest.raises(ExchangeError) as caught:
        client_of(canned_server).find_order("BTCUSDT", CLIENT_ORDER_ID)
    error: BaseException | None = caught.value
    while error is not None:
        for secret in (SECRET, "canary-api-key", "signature"):
            assert secret not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_a_filled_spot_order_is_read_to_the_last_digit(canned_server: CannedServer) -> None:
    canned_server.script = [http(200, SPOT_ORDER)]
    order = client_of(canned_server).send_order(request(), SIGNED_AT_MS)
    assert (order.order_id, order.status, order.executed_quantity) == (28, OrderStatus.FILLED, Decimal("0.00100000"))
    assert order.quote_quantity == Decimal("22.15000010")
    assert order.fills is not None
    assert [(fill.trade_id, fill.price, fill.commission) for fill in order.fills] == [
        ("56", Decimal("22150.00"), Decimal("0.00000040")),
        ("57", Decimal("22150.01"), Decimal("0.00000060")),
    ]


def test_an_order_leaves_with_our_id_our_timestamp_and_no_exponent(canned_server: CannedServer) -> None:
    canned_server.script = [http(200, SPOT_ORDER)]
    client_of(canned_server).send_order(request("1E-7"), SIGNED_AT_MS)
    line, body = canned_server.requests[0]
    assert line == "POST /api/v3/order HTTP/1.1"
    parameters = dict(pair.split("=") for pair in body.split("&"))
    assert parameters["quantity"] == "0.0000001"
    assert parameters["timestamp"] == "1678701600000"
    assert parameters["recvWindow"] == "5000"
    assert parameters["newClientOrderId"] == CLIENT_ORDER_ID
    assert "price" not in parameters, "ccxt and Binance read a priced market order as a quote amount"


def test_after_a_429_nothing_is_sent_before_retry_after_has_passed(canned_server: CannedServer) -> None:
    canned_server.script = [http(429, {"code": -1003, "msg": "Too many requests."}, {"Retry-After": "7"})]
    client = client_of(canned_server)
    with pytest.raises(ExchangeThrottledError) as first:
        client.send_order(request(), SIGNED_AT_MS)
    assert first.value.retry_after_seconds == 7
    with pytest.raises(ExchangeThrottledError, match="nothing is sent"):
        client.price("BTCUSDT")
    assert len(canned_server.requests) == 1


def test_one_account_with_too_many_orders_does_not_stop_the_others(canned_server: CannedServer) -> None:
    canned_server.script = [
        http(429, {"code": -1015, "msg": "Too many new orders; current limit is 100 orders per 10 SECOND."}),
        http(200, {"symbol": "BTCUSDT", "price": "22150.00"}),
    ]
    client = client_of(canned_server)
    with pytest.raises(ExchangeThrottledError) as caught:
        client.send_order(request(), SIGNED_AT_MS)
    assert caught.value.retry_after_seconds == 10
    assert client.price("BTCUSDT") == 22150


def test_a_clock_that_is_more_than_30_s_off_is_refused(canned_server: CannedServer) -> None:
    canned_server.script = [http(200, {"serverTime": 1678701600000})]
    with pytest.raises(ExchangeClockError, match="clock"):
        client_of(canned_server).synchronise_clock()


def test_a_margin_type_that_is_set_already_is_no_error(canned_server: CannedServer) -> None:
    canned_server.script = [
        http(200, [FLAT]),
        refusal(-4046, "No need to change margin type."),
        http(200, {"leverage": 5, "maxNotionalValue": "1000000", "symbol": "BTCUSDT"}),
    ]
    client_of(canned_server, "futures").prepare_symbol("BTCUSDT", 5)
    assert [line.split("?")[0] for line, _ in canned_server.requests] == [
        "GET /fapi/v2/positionRisk",
        "POST /fapi/v1/marginType HTTP/1.1",
        "POST /fapi/v1/leverage HTTP/1.1",
    ]
