"""What an exchange can answer to a request, as data: bytes and broken lines, and what each of them means."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.integration.exchange_client.conftest import Canned, http
from tradebot.errors import (
    CancelRefusedError,
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    MarketClosedError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
    StopWouldTriggerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Class = type[ExchangeError]

UNKNOWN: Class = ExchangeUnavailableError
CLOCK: Class = ExchangeClockError
LIMIT: Class = ExchangeThrottledError
KEY: Class = ExchangeAuthenticationError
EXISTS: Class = OrderExistsError
REFUSED: Class = OrderRejectedError
CLOSED: Class = MarketClosedError
BEYOND: Class = StopWouldTriggerError
ABSENT: Class = OrderAbsentError
KEPT: Class = CancelRefusedError


@dataclass(frozen=True)
class Broken:
    """An answer that decides nothing, made from the answer that would have been good."""

    name: str
    made_of: Callable[[dict[str, Any]], Canned]


def _text(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _plain(name: str, canned: Canned) -> Broken:
    return Broken(name, lambda _: canned)


HTML = "text/html"

BROKEN = (
    # The line.
    _plain("no answer before the timeout", Canned(hang=True)),
    _plain("reset before the request was read", Canned(early_reset=True)),
    _plain("reset after the request was read", Canned(reset=True)),
    _plain("closed without a word", Canned()),
    _plain("head cut off", Canned(b"HTTP/1.1 200 OK\r\nContent-Le")),
    _plain("no HTTP at all", Canned(b"SSH-2.0-OpenSSH_9.9\r\n")),
    _plain("head only, then silence", Canned(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", hang=True)),
    Broken("half a body, then closed", lambda body: http(200, _text(body)[:40], content_length=len(_text(body)))),
    Broken(
        "half a body, then reset", lambda body: http(200, _text(body)[:40], content_length=len(_text(body)), reset=True)
    ),
    Broken(
        "half a body, then silence",
        lambda body: http(200, _text(body)[:40], content_length=len(_text(body)), hang=True),
    ),
    Broken("half a body of the right length", lambda body: http(200, _text(body)[: len(_text(body)) // 2])),
    Broken("a whole body and a bit less than was promised", lambda body: http(200, _text(body), content_length=9_999)),
    Broken(
        "chunks that break off",
        lambda body: Canned(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1e\r\n"
            + _text(body)[:30]
            + b"\r\n"
        ),
    ),
    _plain("half a refusal, then closed", http(400, b'{"code":-2010,"msg":"Acc', content_length=70)),
    _plain("half a refusal of the right length", http(400, b'{"code":-2010,"msg":"Acc')),
    # The coding.
    Broken("gzip cut off", lambda body: http(200, gzip.compress(_text(body))[:-20], {"Content-Encoding": "gzip"})),
    Broken("gzip that is none", lambda body: http(200, _text(body), {"Content-Encoding": "gzip"})),
    Broken("deflate cut off", lambda body: http(200, zlib.compress(_text(body))[:-9], {"Content-Encoding": "deflate"})),
    Broken("not UTF-8", lambda body: http(200, b'{"msg": "\xff\xfe", ' + _text(body)[1:-1])),
    # The body.
    _plain("empty 200", http(200)),
    _plain("204", http(204)),
    _plain("a space", http(200, b" ")),
    _plain("an empty object", http(200, {})),
    _plain("an empty list", http(200, [])),
    _plain("null", http(200, b"null")),
    _plain("a number", http(200, b"28")),
    _plain("true", http(200, b"true")),
    _plain("a JSON text", http(200, b'"FILLED"')),
    _plain("plain text", http(200, b"OK", content_type="text/plain")),
    _plain("HTML with 200", http(200, b"<html>hello</html>", content_type=HTML)),
    _plain("a nest too deep to read", http(200, b"[" * 100_000)),
    Broken("a list of it", lambda body: http(200, [body])),
    Broken("it inside something else", lambda body: http(200, {"data": body})),
    Broken("two of it", lambda body: http(200, _text(body) * 2)),
    Broken("only its message", lambda _: http(200, {"code": 200, "msg": "success"})),
    # Status without a word of the exchange's own.
    _plain("redirect", http(302, b"", {"Location": "http://127.0.0.1:9/"})),
    Broken("a redirect that carries the answer", lambda body: http(307, body, {"Location": "http://127.0.0.1:9/"})),
    _plain("400 without a body", http(400)),
    _plain("400 with a code that is no number", http(400, {"code": "LOT_SIZE", "msg": "x"})),
    _plain("400 with a fraction for a code", http(400, b'{"code": -2010.5, "msg": "x"}')),
    _plain("400 with a positive code", http(400, {"code": 1, "msg": "x"})),
    _plain("400 with a list of refusals", http(400, [{"code": -2010, "msg": "Market is closed."}])),
    _plain("401 without a body", http(401)),
    _plain("403 of a firewall", http(403, b"<html>denied</html>", content_type=HTML)),
    _plain("404 HTML", http(404, b"<html>not found</html>", content_type=HTML)),
    _plain("408", http(408)),
    _plain("451", http(451, {"code": 0, "msg": "Service unavailable from a restricted location."})),
    # 5xx, whatever it says.
    _plain("500 HTML", http(500, b"<html>Oops</html>", content_type=HTML)),
    _plain("502 HTML", http(502, b"<html>Bad Gateway</html>", content_type=HTML)),
    _plain(
        "503 unknown", http(503, {"code": -1000, "msg": "Unknown error, please check your request or try again later."})
    ),
    _plain("503 overloaded", http(503, {"code": -1008, "msg": "Server is currently overloaded with other requests."})),
    _plain("503 empty", http(503)),
    _plain("504 -1007", http(504, {"code": -1007, "msg": "Timeout waiting for response. Send status unknown."})),
    _plain("500 with a code that would refuse", http(500, {"code": -2010, "msg": "Market is closed."})),
    _plain("500 with a code that would find nothing", http(500, {"code": -2013, "msg": "Order does not exist."})),
    _plain("500 with a code that would mean the clock", http(500, {"code": -1021, "msg": "Timestamp"})),
    _plain("500 with a code that would mean a duplicate", http(500, {"code": -2010, "msg": "Duplicate order sent."})),
    Broken("500 with the good answer", lambda body: http(500, body)),
)


class Coded(NamedTuple):
    """A refusal with a code, and what it means to whom."""

    code: int
    message: str
    #: An order, an order list or a transfer; an order or a stop; a query; a cancel.
    spot: Class
    futures: Class
    query: Class = UNKNOWN
    cancel: Class = UNKNOWN
    status: int = 400
    headers: tuple[tuple[str, str], ...] = ()
    #: Where it differs from the query on futures.
    spot_query: Class | None = None

    def canned(self) -> Canned:
        return http(self.status, {"code": self.code, "msg": self.message}, dict(self.headers))


def _same(code: int, message: str, meaning: Class, status: int = 400, **headers: str) -> Coded:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Coded(code, message, meaning, meaning, meaning, meaning, status, named)


CODED = (
    # Sent status unknown, or not listed.
    _same(-1000, "An unknown error occurred while processing the request.", UNKNOWN),
    _same(-1001, "Internal error; unable to process your request. Please try again.", UNKNOWN),
    _same(-1004, "Server is busy, please wait and try again", UNKNOWN),
    _same(-1006, "An unexpected response was received from the message bus. Execution status unknown.", UNKNOWN),
    _same(
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        UNKNOWN,
    ),
    _same(-1008, "Server is currently overloaded with other requests. Please try again in a few minutes.", UNKNOWN),
    _same(-1010, "ERROR_MSG_RECEIVED.", UNKNOWN),
    _same(-1016, "This service is no longer available.", UNKNOWN),
    _same(-1099, "Not found, unauthenticated, or unauthorized", UNKNOWN),
    _same(-9876, "A code nobody listed.", UNKNOWN),
    # Not executed, for a reason that passes.
    _same(-1021, "Timestamp for this request is outside of the recvWindow.", CLOCK),
    _same(-1021, "Timestamp for this request was 1000ms ahead of the server's time.", CLOCK),
    _same(-5028, "Timestamp for this request is outside of the ME recvWindow.", CLOCK),
    _same(-1003, "Too many requests.", LIMIT, 429, Retry_After="7"),
    _same(-1003, "Too many requests.", LIMIT, 429),
    _same(-1003, "Way too many requests; IP banned until 1678701900000.", LIMIT, 418, Retry_After="300"),
    _same(-1003, "Way too many requests; IP banned.", LIMIT, 418),
    _same(-1003, "Too many requests queued.", LIMIT),
    _same(-1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", LIMIT, 429),
    _same(-1015, "Too many new orders.", LIMIT),
    # The key.
    _same(-1002, "You are not authorized to execute this request.", KEY, 401),
    _same(-1022, "Signature for this request is not valid.", KEY),
    _same(-2008, "Invalid Api-Key ID.", KEY),
    _same(-2014, "API-key format invalid.", KEY, 401),
    _same(-2015, "Invalid API-key, IP, or permissions for action.", KEY, 401),
    # It exists; nothing rests; nothing is there.
    Coded(-2010, "Duplicate order sent.", EXISTS, EXISTS),
    Coded(-4116, "ClientOrderId is duplicated.", EXISTS, EXISTS),
    Coded(-2010, "Stop price would trigger immediately.", BEYOND, REFUSED),
    Coded(-2010, "Order would immediately match and take.", BEYOND, REFUSED),
    Coded(-2010, "The relationship of the prices for the orders is not correct.", BEYOND, REFUSED),
    Coded(-2021, "Order would immediately trigger.", UNKNOWN, BEYOND),
    Coded(-4142, "REJECT: take-profit or stop order will be triggered immediately.", UNKNOWN, BEYOND),
    Coded(-2011, "Unknown order sent.", UNKNOWN, UNKNOWN, UNKNOWN, KEPT),
    Coded(-2013, "Order does not exist.", UNKNOWN, UNKNOWN, ABSENT, KEPT),
    Coded(-2026, "Order was canceled or expired with no executed qty over 90 days ago.", UNKNOWN, REFUSED),
    # Refused for good.
    Coded(-1013, "Filter failure: LOT_SIZE", REFUSED, REFUSED),
    Coded(-1013, "", REFUSED, REFUSED),
    Coded(-1013, "Market is closed.", CLOSED, CLOSED),
    Coded(-1020, "This operation is not supported.", REFUSED, REFUSED),
    Coded(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.", REFUSED, REFUSED),
    Coded(-1106, "Parameter 'timeInForce' sent when not required.", REFUSED, REFUSED),
    Coded(-1111, "Parameter 'quantity' has too much precision.", REFUSED, REFUSED),
    Coded(-1116, "Invalid orderType.", REFUSED, REFUSED),
    Coded(-1121, "Invalid symbol.", CLOSED, CLOSED),
    Coded(-1166, "A limit order in a sell OCO must be above.", REFUSED, UNKNOWN),
    Coded(-2010, "Account has insufficient balance for requested action.", REFUSED, REFUSED),
    Coded(-2010, "This order type is not possible in this trading phase.", REFUSED, REFUSED),
    Coded(-2018, "Balance is insufficient.", UNKNOWN, REFUSED, spot_query=ABSENT),
    Coded(-2019, "Margin is insufficient.", UNKNOWN, REFUSED),
    Coded(-2022, "ReduceOnly Order is rejected.", UNKNOWN, REFUSED),
    Coded(-2027, "Exceeded the maximum allowable position at current leverage.", UNKNOWN, REFUSED),
    Coded(-4061, "Order's position side does not match user's setting.", UNKNOWN, REFUSED),
    Coded(-4120, "Order type not supported for this endpoint. Please use the Algo Order API.", UNKNOWN, REFUSED),
    Coded(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit.", UNKNOWN, REFUSED),
    Coded(-4141, "Symbol is closed.", UNKNOWN, CLOSED),
    Coded(-4164, "Order's notional must be no smaller than 100.", UNKNOWN, REFUSED),
    Coded(-2010, "Market is closed.", CLOSED, CLOSED, status=200),
    Coded(-1021, "Timestamp", CLOCK, CLOCK, CLOCK, CLOCK, status=200),
)
