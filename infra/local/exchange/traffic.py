"""What was asked for: weight by API and wire minute, order counts by account, and requests by path."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from infra.local.exchange.times import MINUTE_MS, wire_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

_TEN_SECONDS_MS = 10_000
_DAY_MS = 86_400_000


class Traffic:
    """Counters of one simulator; they start anew with the process, as they would within a minute anyway."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}
        self._requests: Counter[str] = Counter()
        self._weights: Counter[str] = Counter()

    def _count(self, api: str, name: str, length_ms: int, amount: int) -> int:
        window = wire_ms() // length_ms
        started, used = self._windows.get((api, name), (window, 0))
        used = used + amount if started == window else amount
        self._windows[api, name] = (window, used)
        return used

    def count(self, api: str, route: str, weight: int) -> dict[str, str]:
        """Count a request and return the headers that tell the client its used weight."""
        self._requests[route] += 1
        self._weights[route] += weight
        used = str(self._count(api, "weight", MINUTE_MS, weight))
        if api == "sapi":
            return {"X-SAPI-USED-IP-WEIGHT-1M": used}
        return (
            {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
            if api == "spot"
            else {"X-MBX-USED-WEIGHT-1M": used}
        )

    def count_order(self, api: str, api_key: str) -> dict[str, str]:
        """Count an order of an account and return the headers that tell the client its order counts."""
        ten = self._count(f"{api} {api_key}", "10s", _TEN_SECONDS_MS, 1)
        long_name, long_ms = ("1D", _DAY_MS) if api == "spot" else ("1M", MINUTE_MS)
        long = self._count(f"{api} {api_key}", long_name, long_ms, 1)
        return {"X-MBX-ORDER-COUNT-10S": str(ten), f"X-MBX-ORDER-COUNT-{long_name}": str(long)}

    def report(self) -> Mapping[str, Any]:
        """Return requests and weight since the start, by method and path."""
        return {
            "requests": dict(sorted(self._requests.items())),
            "weights": dict(sorted(self._weights.items())),
            "total_requests": sum(self._requests.values()),
            "total_weight": sum(self._weights.values()),
        }

    def reset(self) -> None:
        """Start the report anew; the weight windows go on."""
        self._requests.clear()
        self._weights.clear()
