"""One account's line to Binance through unmodified ccxt: signed times, exact numbers, errors by code, requests counted.

ccxt signs and sends; its implicit methods carry exact strings both ways. Nothing is ever sent twice from here.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from tradebot.errors import ExchangeClockError, ExchangeThrottledError, ExchangeUnavailableError
from tradebot.exchange.ccxt_loader import binance_class
from tradebot.exchange.error_map import TOO_MANY_ORDERS_CODE, Api, Purpose, error_of_answer
from tradebot.exchange.gate import Gate, LoneGate
from tradebot.exchange.weights import USED_WEIGHT_HEADER, weight_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradebot.domain.symbol import SymbolRules

RECEIVE_WINDOW_MS = 5_000
#: Binance itself gives an order up after 10 s (-1007), so waiting longer learns nothing.
REQUEST_TIMEOUT_MS = 10_000
CLOCK_OFFSET_LIMIT_MS = 30_000
CLOCK_OFFSET_KEPT_SECONDS = 60.0
#: A connection that idled longer may have been dropped on the way without a word; a fresh one costs a round trip.
IDLE_CONNECTION_SECONDS = 45.0


@dataclass(slots=True)
class Venue:
    """What all accounts on one base URL share in a warm process: the address's limits, the clock offset, filters."""

    base_url: str
    #: Keeps the address's request limit and ban, which it shares with other processes.
    gate: Gate = field(default_factory=LoneGate)
    request_count: int = 0
    #: What those requests cost, by the table of weights.
    weight: int = 0
    #: Seconds spent on requests: sending, waiting, receiving.
    waited_seconds: float = 0.0
    clock_offset_ms: int | None = None
    clock_measured_at: float = 0.0
    #: Filters by symbol, with the monotonic second of their reading, as the market's data keeps them.
    symbol_rules: dict[str, tuple[float, SymbolRules]] = field(default_factory=dict)
    #: The local clock that signs, in nanoseconds since 1970.
    now_ns: Callable[[], int] = time.time_ns


class CcxtTransport:
    """Calls ccxt's implicit methods by name. Keeps no exception of ccxt: their texts and chains carry signed URLs."""

    def __init__(self, venue: Venue, urls: Mapping[str, str], *, api_key: str = "", secret_key: str = "") -> None:
        self.venue = venue
        self._last_used_at = 0.0
        self._answer: Any = None
        self._client = binance_class()(
            {
                "apiKey": api_key,
                "secret": secret_key,
                "enableRateLimit": False,  # limits are kept by the caller, per IP address
                "verbose": False,
                "timeout": REQUEST_TIMEOUT_MS,
                "options": {"recvWindow": RECEIVE_WINDOW_MS, "maxRetriesOnFailure": 0},
            }
        )
        # Replaced, not merged: a section that is not named here must not reach the real exchange.
        self._client.urls["api"] = dict(urls)
        self._client.on_json_response = _exact_json
        self._client.session.max_redirects = 0
        self._client.session.hooks["response"].append(self._keep_answer)

    def public(self, method: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Call an unsigned endpoint and return its decoded body."""
        return self._call(method, dict(params or {}), Purpose.READ)

    def signed(
        self,
        method: str,
        params: Mapping[str, str | int] | None = None,
        *,
        at_ms: int | None = None,
        purpose: Purpose = Purpose.READ,
    ) -> Any:
        """Call a signed endpoint with our timestamp (`at_ms`, else now) and return its decoded body."""
        timestamp = self.wire_now_ms() if at_ms is None else at_ms
        return self._call(method, {**(params or {}), "timestamp": timestamp, "recvWindow": RECEIVE_WINDOW_MS}, purpose)

    def wire_now_ms(self) -> int:
        """Return the exchange's time in ms: the local clock plus the measured offset."""
        return self.venue.now_ns() // 1_000_000 + (self.venue.clock_offset_ms or 0)

    def synchronise_clock(self, read_server_time_ms: Callable[[], int], *, force: bool = False) -> None:
        """Measure the offset by the midpoint of a round trip, at most once a minute unless `force`."""
        venue = self.venue
        age = time.monotonic() - venue.clock_measured_at
        if not force and venue.clock_offset_ms is not None and age < CLOCK_OFFSET_KEPT_SECONDS:
            return
        before_ns = venue.now_ns()
        server_ms = read_server_time_ms()
        after_ns = venue.now_ns()
        offset_ms = server_ms - (before_ns + after_ns) // 2_000_000
        if abs(offset_ms) > CLOCK_OFFSET_LIMIT_MS:
            venue.clock_offset_ms = None
            raise ExchangeClockError(
                f"this machine's clock and the exchange's differ by {offset_ms / 1000:.1f} s (limit: 30)"
            )
        venue.clock_offset_ms = offset_ms
        venue.clock_measured_at = time.monotonic()

    def _call(self, method: str, params: dict[str, Any], purpose: Purpose) -> Any:
        weight = weight_of(method, params)
        self.venue.gate.admit(weight)
        self._drop_idle_connections()
        self._answer = None
        self.venue.request_count += 1
        self.venue.weight += weight
        body: Any = None
        failed_before_answer = ""
        began = time.perf_counter()
        try:
            body = getattr(self._client, method)(params)
        except Exception as raised:  # noqa: BLE001  every failure of ccxt is classed below, by what was answered
            failed_before_answer = type(raised).__name__
        self.venue.waited_seconds += time.perf_counter() - began
        answer = self._answer
        self._answer = None
        if answer is None:
            raise ExchangeUnavailableError(
                f"the exchange gave no answer ({failed_before_answer or 'nothing was sent'})"
            )
        self._tell_gate(answer.headers)
        if failed_before_answer:
            body = _decoded(answer)
        error = error_of_answer(answer.status_code, answer.headers, body, purpose=purpose, api=_api_of(method))
        if isinstance(error, ExchangeThrottledError) and error.exchange_code != TOO_MANY_ORDERS_CODE:
            self.venue.gate.block(error.retry_after_seconds)
        if isinstance(error, ExchangeClockError):
            self.venue.clock_offset_ms = None
        if error is not None:
            raise error
        if not isinstance(body, dict | list):
            raise ExchangeUnavailableError("the exchange's answer was cut off, empty or not JSON")
        return body

    def _tell_gate(self, headers: Mapping[str, str]) -> None:
        """Pass on what the exchange has counted in its own minute, which the Date header names."""
        try:
            used, answered_at = int(headers[USED_WEIGHT_HEADER]), parsedate_to_datetime(headers["Date"])
        except (KeyError, ValueError):
            return
        self.venue.gate.tell(used, answered_at)

    def _keep_answer(self, answer: Any, *_arguments: Any, **_options: Any) -> None:
        self._answer = answer

    def _drop_idle_connections(self) -> None:
        now = time.monotonic()
        if now - self._last_used_at > IDLE_CONNECTION_SECONDS:
            self._client.session.close()
        self._last_used_at = now


def _api_of(method: str) -> Api:
    if method.startswith("fapi"):
        return Api.FUTURES
    return Api.WALLET if method.startswith("sapi") else Api.SPOT


def _exact_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _decoded(answer: Any) -> Any:
    """Return the body that arrived whole before ccxt raised; None where it is not JSON or did not arrive whole."""
    # requests keeps False here until the whole body has been read; asking for `.content` would read on a broken line.
    content = getattr(answer, "_content", None)
    if not isinstance(content, bytes):
        return None
    try:
        return _exact_json(content.decode())
    except (ValueError, RecursionError):
        return None
