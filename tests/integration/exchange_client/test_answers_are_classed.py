"""What an answer means, through real ccxt over HTTP: what is not surely refused is UNKNOWN, nothing is sent twice."""

from __future__ import annotations

import json
import logging
import socket
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from tests.integration.exchange_client.answer_cases import (
    BROKEN,
    CLOCK,
    CODED,
    KEY,
    LIMIT,
    UNKNOWN,
    Broken,
    Class,
    Coded,
)
from tests.integration.exchange_client.conftest import API_KEY, SECRET, Canned, CannedServer, Clients, http
from tests.integration.exchange_client.requests_table import ASKS, FLAT, ORDER, SIGNED_AT_MS, Ask
from tradebot.errors import (
    ConflictError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    OrderRejectedError,
)
from tradebot.exchange.binance_spot import BinanceSpotClient
from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The rest is there so that half of it can be missing.
TRANSFERRED = {"tranId": 13526853623, "padding": "x" * 80}
EVERY_REQUEST = pytest.mark.parametrize("ask", ASKS, ids=lambda ask: f"{ask.name}-{ask.market}")


def verdict(clients: Clients, ask: Ask) -> tuple[Class | None, ExchangeError | None]:
    """Return how the answer was classed, None for a success."""
    try:
        ask.call(clients.fresh(ask.market))
    except ExchangeError as error:
        # What is UNKNOWN may be a finer class of ours; nothing else may.
        return (UNKNOWN if isinstance(error, ExchangeUnavailableError) else type(error)), error
    return None, None


def secrets_in(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield from (one for one in (SECRET, API_KEY, "signature") if one in f"{error} {error!r} {vars(error)}")
        error = error.__cause__ or error.__context__


def expected_of(case: Coded, ask: Ask) -> Class:
    if ask.kind == "query":
        return case.spot_query or case.query if ask.market == "spot" else case.query
    if ask.kind == "cancel":
        return case.cancel
    return case.spot if ask.market == "spot" else case.futures


@EVERY_REQUEST
def test_the_good_answer_is_read(ask: Ask, canned_server: CannedServer, clients: Clients) -> None:
    canned_server.script = [http(200, ask.good)]
    assert verdict(clients, ask) == (None, None)


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_an_answer_that_says_nothing_leaves_it_unknown(
    case: Broken, canned_server: CannedServer, clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for ask in ASKS:
        canned_server.play(case.made_of(ask.good))
        classed, error = verdict(clients, ask)
        assert classed is UNKNOWN, (ask.name, ask.market, error)
        assert list(secrets_in(error)) == []
        assert canned_server.count() == 1, "nothing is sent twice, whatever the answer"
    assert [one for one in (SECRET, API_KEY, "signature") if one in caplog.text] == []


@pytest.mark.parametrize("case", CODED, ids=lambda case: f"{case.code} {case.message[:30]} {case.status}")
def test_a_code_means_to_each_request(case: Coded, canned_server: CannedServer, clients: Clients) -> None:
    for ask in ASKS:
        canned_server.play(case.canned())
        classed, error = verdict(clients, ask)
        expected = expected_of(case, ask)
        assert classed is expected, (ask.name, ask.market, error)
        assert error is not None
        assert error.exchange_code == case.code
        assert list(secrets_in(error)) == []
        if ask.kind == "send" or expected is not CLOCK:
            assert canned_server.count() == 1, "nothing is sent twice, whatever the answer"
        if isinstance(error, ExchangeThrottledError):
            assert error.retry_after_seconds > 0


@EVERY_REQUEST
def test_an_answer_that_lacks_what_it_must_have_is_none(
    ask: Ask, canned_server: CannedServer, clients: Clients
) -> None:
    wrong: list[Any] = [None, [], {}, True, "", -1e400, [[1]], {"a": 1}]
    for name in ask.needs:
        without = {key: value for key, value in ask.good.items() if key != name}
        words = [] if name in ask.free_texts else ["NaN", "no such thing"]
        for body in [without, *({**without, name: value} for value in [*wrong, *words])]:
            canned_server.play(http(200, json.dumps(body).encode()))
            classed, error = verdict(clients, ask)
            assert classed is UNKNOWN, (name, body.get(name), error)


def test_the_table_is_as_large_as_it_claims() -> None:
    for market in ("spot", "futures"):
        sent = next(ask for ask in ASKS if (ask.kind, ask.market) == ("send", market))
        decided = {expected_of(case, sent) for case in CODED}
        assert len(BROKEN) + len(CODED) >= 100
        assert len(BROKEN) >= 45
        assert len(decided) == 8, "every class that a send can get is in the table"


def test_one_answer_of_a_limit_holds_everything_back(canned_server: CannedServer, clients: Clients) -> None:
    canned_server.play(http(429, {"code": -1003, "msg": "Too many requests."}, {"Retry-After": "7"}))
    client = clients.fresh("spot")
    with pytest.raises(LIMIT) as first:
        client.send_order(ORDER, SIGNED_AT_MS)
    assert isinstance(first.value, ExchangeThrottledError)
    assert first.value.retry_after_seconds == 7
    with pytest.raises(LIMIT, match="nothing is sent"):
        client.price("BTCUSDT")
    assert canned_server.connections == 1


def test_one_account_with_too_many_orders_does_not_stop_the_others(
    canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(
        http(429, {"code": -1015, "msg": "Too many new orders; current limit is 100 orders per 10 SECOND."}),
        http(200, {"symbol": "BTCUSDT", "price": "22150.00"}),
    )
    client = clients.fresh("spot")
    with pytest.raises(LIMIT) as caught:
        client.send_order(ORDER, SIGNED_AT_MS)
    assert isinstance(caught.value, ExchangeThrottledError)
    assert caught.value.retry_after_seconds == 10
    assert client.price("BTCUSDT") == 22150


def test_a_closed_port_is_unknown_too(clients: Clients) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = make_client(Venue(f"http://127.0.0.1:{port}"), "live", "spot", api_key=API_KEY, secret_key=SECRET)
    with pytest.raises(UNKNOWN) as caught:
        client.send_order(ORDER, SIGNED_AT_MS)
    assert list(secrets_in(caught.value)) == []


def test_a_transfer_is_sent_once_and_in_doubt_unless_it_was_surely_refused(
    canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(500))
    client = clients.fresh("spot")
    assert isinstance(client, BinanceSpotClient)
    answers: list[tuple[Canned, Class]] = [
        *((case.made_of(TRANSFERRED), UNKNOWN) for case in BROKEN if not case.made_of({}).hang),
        (http(200, {"tranId": None}), UNKNOWN),
        (http(400, {"code": -9000, "msg": "user have no avaliable amount"}), UNKNOWN),
        (http(400, {"code": -2010, "msg": "Duplicate order sent."}), UNKNOWN),
        (http(400, {"code": -5002, "msg": "You have insufficient balance."}), OrderRejectedError),
        (http(400, {"code": -5013, "msg": "Asset transfer failed: insufficient balance"}), OrderRejectedError),
        (http(400, {"code": -1002, "msg": "You are not authorized to execute this request."}), KEY),
    ]
    for canned, expected in answers:
        canned_server.play(canned)
        with pytest.raises(ExchangeError) as caught:
            client.transfer_to_futures("USDT", Decimal("12.50"), SIGNED_AT_MS)
        assert issubclass(type(caught.value), expected), caught.value
        assert canned_server.connections == 1
    canned_server.play(http(200, {"tranId": 13526853623}))
    assert client.transfer_to_futures("USDT", Decimal("12.50"), SIGNED_AT_MS) == "13526853623"
    assert canned_server.requests[0][0] == "POST /sapi/v1/asset/transfer HTTP/1.1"
    parameters = dict(parse_qsl(canned_server.requests[0][1]))
    assert parameters.pop("signature")
    assert parameters == {
        "type": "MAIN_UMFUTURE",
        "asset": "USDT",
        "amount": "12.5",
        "timestamp": str(SIGNED_AT_MS),
        "recvWindow": "5000",
    }


def test_a_margin_type_that_is_set_already_is_no_error(canned_server: CannedServer, clients: Clients) -> None:
    canned_server.play(
        http(400, {"code": -4046, "msg": "No need to change margin type."}),
        http(200, {"leverage": 5, "maxNotionalValue": "1000000", "symbol": "BTCUSDT"}),
    )
    assert clients.fresh("futures").prepare_symbol("BTCUSDT", 5) == 1_000_000
    assert [line.split("?")[0] for line, _ in canned_server.requests] == [
        "POST /fapi/v1/marginType HTTP/1.1",
        "POST /fapi/v1/leverage HTTP/1.1",
    ]


@pytest.mark.parametrize("held", ["0.500", "-0.500"])
def test_a_position_is_read_with_its_sign_and_one_of_hedge_mode_is_refused(
    held: str, canned_server: CannedServer, clients: Clients
) -> None:
    canned_server.play(http(500))
    client = clients.fresh("futures")
    canned_server.play(http(200, [{**FLAT, "positionAmt": held, "entryPrice": "22000", "liquidationPrice": "1.5"}]))
    assert client.position("BTCUSDT").quantity == Decimal(held)
    canned_server.play(http(200, [FLAT, {**FLAT, "positionSide": "SHORT", "positionAmt": "-1"}]))
    with pytest.raises(ConflictError, match="one-way"):
        client.position("BTCUSDT")
    assert canned_server.connections == 1
