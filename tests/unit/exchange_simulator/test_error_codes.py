"""Every code that the product classes can be answered, and an exchange in this process fails as one over HTTP does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from infra.local.exchange.answer import Wire
from infra.local.exchange.command_line import make_market
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.faults import Fault, FaultKind
from infra.local.exchange.refusals import MESSAGES
from infra.local.exchange.routes.table import answer
from infra.local.exchange.settings import Settings
from infra.local.exchange.state import State
from tests.fixtures.in_process_exchange import URL, InProcessAdapter, ManualClock
from tests.unit.exchange_simulator.lab import Lab
from tradebot.exchange import error_map

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON_MS = 1_709_553_600_000
TIME = Wire("GET", "/api/v3/time", "", "", None)
_TABLES = [
    one for value in vars(error_map).values() for one in (value.values() if isinstance(value, dict) else [value])
]
#: Every set of codes that the product's classification names.
CLASSED = sorted(
    {code for table in _TABLES if isinstance(table, frozenset) for code in table if isinstance(code, int)}
    | {-1000, -1007}
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_MS)


@pytest.fixture
def exchange(clock: ManualClock) -> Iterator[Exchange]:
    made = Exchange(Settings(), make_market(Settings()), State(None), clock)
    yield made
    made.state.close()


@pytest.fixture
def session(exchange: Exchange) -> requests.Session:
    made = requests.Session()
    made.mount(URL, InProcessAdapter(exchange))
    return made


@pytest.mark.parametrize("code", CLASSED)
def test_a_classed_code_is_answered_with_a_body_as_the_exchange_writes_it(exchange: Exchange, code: int) -> None:
    exchange.faults.add(Fault(FaultKind.ERROR, code=code, count=1))
    made = answer(exchange, TIME)
    assert made.body["code"] == code
    assert made.body["msg"]
    assert made.status >= 400
    assert answer(exchange, TIME).status == 200


def test_nearly_every_classed_code_has_words_of_its_own() -> None:
    assert len(set(CLASSED) - MESSAGES.keys()) <= 20
    assert len(CLASSED) >= 60


def test_time_is_the_clock_that_was_given(exchange: Exchange, session: requests.Session, clock: ManualClock) -> None:
    assert session.get(f"{URL}/api/v3/time").json() == {"serverTime": NOON_MS}
    clock.sleep(1_500)
    assert session.get(f"{URL}/api/v3/time").json() == {"serverTime": NOON_MS + 1_500}
    exchange.faults.add(Fault(FaultKind.DELAY, milliseconds=3_600_000, count=1))
    session.get(f"{URL}/api/v3/time")
    assert clock.now_ms() == NOON_MS + 3_601_500


@pytest.mark.parametrize("kind", [FaultKind.LOSE_REQUEST, FaultKind.LOSE_ANSWER, FaultKind.OUTAGE])
def test_what_breaks_a_connection_is_an_exception(
    exchange: Exchange, session: requests.Session, kind: FaultKind
) -> None:
    exchange.faults.add(Fault(kind, count=1))
    with pytest.raises(requests.ConnectionError):
        session.get(f"{URL}/api/v3/time")
    assert session.get(f"{URL}/api/v3/time").status_code == 200


@pytest.mark.parametrize("kind", [FaultKind.HALF_ANSWER, FaultKind.BROKEN_GZIP])
def test_what_cannot_be_read_is_one_too(exchange: Exchange, session: requests.Session, kind: FaultKind) -> None:
    exchange.faults.add(Fault(kind, count=1))
    with pytest.raises(requests.RequestException):
        session.get(f"{URL}/api/v3/time")


def test_each_further_ban_is_twice_as_long(exchange: Exchange, session: requests.Session, clock: ManualClock) -> None:
    exchange.traffic.weights["spot"] = 1
    lengths = []
    for _ in range(3):
        clock.sleep(60_000)
        for _ in range(13):
            last = session.get(f"{URL}/api/v3/time")
        assert last.status_code == 418
        lengths.append(int(last.headers["Retry-After"]))
        clock.sleep(lengths[-1] * 1_000)
    assert lengths == [120, 240, 480]


def test_addresses_are_counted_apart(exchange: Exchange, session: requests.Session) -> None:
    exchange.traffic.weights["spot"] = 2
    other = requests.Session()
    other.mount(URL, InProcessAdapter(exchange, source="another address"))
    assert [session.get(f"{URL}/api/v3/time").status_code for _ in range(3)] == [200, 200, 429]
    assert other.get(f"{URL}/api/v3/time").status_code == 200


def test_after_ten_seconds_the_answer_is_1007_and_the_order_may_still_execute() -> None:
    lab = Lab((50_000, 50_000, 50_000, 50_000))
    lab.exchange.faults.add(Fault(FaultKind.ENGINE, milliseconds=10_600, count=1))
    began_ms = lab.clock.ms
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", "newClientOrderId": "slow"}
    status, body = lab.send("POST", "/api/v3/order", **order)
    assert (status, body["code"], lab.clock.ms - began_ms) == (504, -1007, 10_000)
    query = {"symbol": "BTCUSDT", "origClientOrderId": "slow"}
    assert lab.account.spot["BTC"].free == 1
    lab.clock.sleep(700)
    assert lab.ok("GET", "/api/v3/order", **query)["status"] == "FILLED"
