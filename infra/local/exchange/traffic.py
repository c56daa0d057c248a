"""What an address and an account may ask for, and what was asked: weights, order counts, 429 and 418.

Limits are counted by API and source address in minutes of wire time. A request beyond the limit is answered 429 until
the minute ends; who goes on meanwhile is banned with 418, the first time for two minutes and each time for twice as
long. How many requests Binance tolerates after a 429 is not published; here it is `PATIENCE`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.local.exchange.errors import ThrottleError
from infra.local.exchange.times import DAY_MS, MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.exchange.times import WireClock

PATIENCE = 10
FIRST_BAN_MS = 2 * MINUTE_MS
LONGEST_BAN_MS = 3 * DAY_MS
#: A request this soon after a refusal was on its way when the refusal left.
ON_ITS_WAY_MS = 1_000
TEN_SECONDS_MS = 10_000
WEIGHTS = {"spot": 6_000, "futures": 2_400, "sapi": 12_000}
#: Orders of one account: name of the header, length of the window, most in it, and the window's name in refusals.
ORDERS = {
    "spot": (("10S", TEN_SECONDS_MS, 100, "10 SECOND"), ("1D", DAY_MS, 200_000, "1 DAY")),
    "futures": (("10S", TEN_SECONDS_MS, 300, "10 SECOND"), ("1M", MINUTE_MS, 1_200, "1 MINUTE")),
}


@dataclass(slots=True)
class _Refusal:
    """How one source stands with one API."""

    since_ms: int = 0
    until_ms: int = 0
    is_ban: bool = False
    strikes: int = 0
    bans: int = 0


class Traffic:
    """Counters of one simulator; they start anew with the process, as they would within a minute anyway."""

    def __init__(self, clock: WireClock, factor: int = 1) -> None:
        self._clock = clock
        self._factor = factor
        self.weights = {api: limit * factor for api, limit in WEIGHTS.items()}
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}
        self._refusals: dict[tuple[str, str], _Refusal] = {}
        self._requests: Counter[str] = Counter()
        self._weights: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def _count(self, api: str, name: str, length_ms: int, amount: int) -> int:
        window = self._clock.now_ms() // length_ms
        started, used = self._windows.get((api, name), (window, 0))
        used = used + amount if started == window else amount
        self._windows[api, name] = (window, used)
        return used

    def count(self, api: str, route: str, weight: int, source: str = "") -> dict[str, str]:
        """Count a request and return the headers that tell the client its used weight; raises ThrottleError."""
        self._requests[route] += 1
        self._weights[route] += weight
        self._refuse_blocked(api, source)
        used = self._count(api, f"weight {source}", MINUTE_MS, weight)
        headers = _weight_headers(api, used)
        if used > self.weights[api]:
            now_ms = self._clock.now_ms()
            refusal = self._refusal(api, source)
            refusal.since_ms, refusal.until_ms = now_ms, (now_ms // MINUTE_MS + 1) * MINUTE_MS
            refusal.is_ban, refusal.strikes = False, 0
            raise self._too_much(api, source, headers)
        return headers

    def block(self, api: str, milliseconds: int, source: str = "", *, is_ban: bool) -> None:
        """Refuse a source for a span, with 418 or 429."""
        refusal = self._refusal(api, source)
        refusal.since_ms = self._clock.now_ms()
        refusal.until_ms, refusal.is_ban, refusal.strikes = refusal.since_ms + milliseconds, is_ban, 0

    def forgive(self) -> None:
        """Lift every refusal."""
        self._refusals.clear()

    def _refusal(self, api: str, source: str) -> _Refusal:
        return self._refusals.setdefault((api, source), _Refusal())

    def _refuse_blocked(self, api: str, source: str) -> None:
        refusal = self._refusal(api, source)
        now_ms = self._clock.now_ms()
        if now_ms >= refusal.until_ms:
            return
        self._refused["sent_while_blocked"] += 1
        if now_ms - refusal.since_ms > ON_ITS_WAY_MS:
            self._refused["sent_while_blocked_knowingly"] += 1
        if not refusal.is_ban:
            refusal.strikes += 1
            if refusal.strikes > PATIENCE:
                refusal.since_ms, refusal.is_ban = now_ms, True
                refusal.until_ms = now_ms + min(FIRST_BAN_MS * 2**refusal.bans, LONGEST_BAN_MS)
                refusal.bans += 1
        raise self._too_much(api, source, {})

    def _too_much(self, api: str, source: str, headers: dict[str, str]) -> ThrottleError:
        refusal = self._refusal(api, source)
        status = 418 if refusal.is_ban else 429
        self._refused[str(status)] += 1
        seconds = -(-(refusal.until_ms - self._clock.now_ms()) // 1000)
        message = (
            f"Way too much request weight used; IP banned until {refusal.until_ms}. Please use WebSocket Streams for "
            "live updates to avoid bans."
            if refusal.is_ban
            else f"Too much request weight used; current limit is {self.weights[api]} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return ThrottleError(-1003, message, status, {**headers, "Retry-After": str(seconds)})

    def refuse_more_orders(self, api: str, api_key: str) -> None:
        """Refuse an account's order where one of its windows is full; raises ThrottleError, without Retry-After."""
        for name, length_ms, most, words in ORDERS[api]:
            window, used = self._windows.get((f"{api} {api_key}", name), (0, 0))
            if window == self._clock.now_ms() // length_ms and used >= most * self._factor:
                self._refused["-1015"] += 1
                message = f"Too many new orders; current limit is {most * self._factor} orders per {words}."
                raise ThrottleError(-1015, message, 429, {})

    def count_order(self, api: str, api_key: str) -> dict[str, str]:
        """Count an order of an account and return the headers that tell the client its order counts."""
        return {
            f"X-MBX-ORDER-COUNT-{name}": str(self._count(f"{api} {api_key}", name, length_ms, 1))
            for name, length_ms, _, _ in ORDERS[api]
        }

    def rate_limits(self, api: str) -> list[dict[str, Any]]:
        """Return the limits as exchangeInfo states them."""
        rows = [("REQUEST_WEIGHT", "MINUTE", 1, self.weights[api])]
        for _, _, most, words in ORDERS[api]:
            number, _, interval = words.partition(" ")
            rows.append(("ORDERS", interval, int(number), most * self._factor))
        names = ("rateLimitType", "interval", "intervalNum", "limit")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def report(self) -> Mapping[str, Any]:
        """Return requests and weight since the start, by method and path, and what was refused."""
        return {
            "requests": dict(sorted(self._requests.items())),
            "weights": dict(sorted(self._weights.items())),
            "refused": dict(sorted(self._refused.items())),
            "total_requests": sum(self._requests.values()),
            "total_weight": sum(self._weights.values()),
        }

    def reset(self) -> None:
        """Start the report anew; the weight windows go on."""
        self._requests.clear()
        self._weights.clear()
        self._refused.clear()


def _weight_headers(api: str, used: int) -> dict[str, str]:
    if api == "sapi":
        return {"X-SAPI-USED-IP-WEIGHT-1M": str(used)}
    names = ("X-MBX-USED-WEIGHT", "X-MBX-USED-WEIGHT-1M") if api == "spot" else ("X-MBX-USED-WEIGHT-1M",)
    return dict.fromkeys(names, str(used))
