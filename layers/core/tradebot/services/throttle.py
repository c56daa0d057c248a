"""How often may this be tried? Asked, and counted, before anything expensive is done."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, Literal

from tradebot.errors import ThrottledError
from tradebot.repositories import throttles

if TYPE_CHECKING:
    from tradebot.services.user_sessions import OpenSession

#: `password`: whatever verifies one. `mail`: whatever sends one to an address that anybody may name. `token`: whatever
#: redeems a mailed one. `webhook`: a test message, by user.
Kind = Literal["password", "mail", "token", "webhook"]
WINDOW = timedelta(minutes=5)
MOST = 10
MOST_OVERALL = 1_000


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """Tries of a kind within five minutes: for one address, from one source, and over all."""

    most: int = MOST
    most_overall: int = MOST_OVERALL


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts in a transaction of its own, which is over before the work begins."""

    open_session: OpenSession
    limits: ThrottleLimits = ThrottleLimits()

    def require(self, kind: Kind, *, address: str | None, source: str | None) -> None:
        """Count a try. Raises ThrottledError where there were too many."""
        keys = [] if address is None else [_key(kind, "address", address.lower())]
        keys.append(_key(kind, "source", network_of(source)))
        with self.open_session(None) as session:
            tries = throttles.count_tries(session, keys, WINDOW)
            waits = [row.seconds_left for row in tries if row.hits > self.limits.most]
            if not waits:
                # Only what one address and one source may: nobody uses up the tries of all others.
                (overall,) = throttles.count_tries(session, [_key(kind, "overall", "")], WINDOW)
                if overall.hits > self.limits.most_overall:
                    waits = [overall.seconds_left]
        if waits:
            # Many at once: whose transaction began before the first try's reads more than a whole window.
            seconds = max(1, ceil(min(max(waits), WINDOW.total_seconds())))
            raise ThrottledError(
                f"That was tried too often; try again in {seconds} seconds.", retry_after_seconds=seconds
            )


def network_of(source: str | None) -> str:
    """Return who counts as one source: an IPv4 address, or the /64 that one IPv6 customer has to choose from."""
    try:
        address = ipaddress.ip_address(source or "")
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or ipaddress.ip_network((address, 64), strict=False))


def _key(kind: str, scope: str, value: str) -> str:
    return hashlib.sha256(f"{kind}\0{scope}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()
