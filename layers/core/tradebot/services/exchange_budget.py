"""One venue's request limit and ban, shared by every process behind one egress through a row in Postgres.

A tick reserves the weight that it may need by one UPDATE before its first request, and settles by another one at its
end. What is asked for nothing (a flat tick with cached candles) reserves nothing.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tradebot.errors import ExchangeBudgetError
from tradebot.exchange.gate import Urgency, refuse_for
from tradebot.observability import count
from tradebot.repositories.exchange_limits import (
    Address,
    Reservation,
    Standing,
    block_address,
    find_standing,
    reserve_weight,
    set_weight_limit,
    settle_weight,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tradebot.services.user_sessions import OpenSession

#: Of a minute's weight, how much may be used before a request of this urgency waits for the next one.
SHARES = {Urgency.ENTRY: 0.6, Urgency.COMPARISON: 0.6, Urgency.LOOK: 0.8, Urgency.PROTECTION: 1.0}
#: What is reserved at once. An entry with its stop: balance, order, order list, the clock.
ENTRY_WEIGHT = 25
#: What rests and the price, on either market.
LOOK_WEIGHT = 8
CANDLES_WEIGHT = 2
#: Of one symbol, on futures.
PRICE_WEIGHT = 1
#: A look and what the account holds.
COMPARISON_WEIGHT = 28
#: What the account holds.
BALANCE_WEIGHT = 20
#: What rests goes, and all is sold; or the next stop is placed.
EXIT_WEIGHT = 3
#: Where nobody said what is coming.
TICK_WEIGHT = 5
#: After the row was read, for so long its word counts. Then it is read again before the next request leaves: so long
#: others may go on after a 429, with what they had reserved.
BAN_KNOWN_SECONDS = 0.1
_METRICS = {
    Urgency.ENTRY: "EntriesShed",
    Urgency.COMPARISON: "ComparisonsShed",
    Urgency.LOOK: "LooksDeferred",
    Urgency.PROTECTION: "ProtectionShed",
}
_WORDS = {
    Urgency.ENTRY: "No position is opened",
    Urgency.COMPARISON: "The books are not compared",
    Urgency.LOOK: "What rests is not looked at",
    Urgency.PROTECTION: "Nothing more is asked",
}


@dataclass(slots=True)
class ExchangeBudget:
    """The gate of one venue. For one thread."""

    open_session: OpenSession
    venue: str
    egress: str
    weight_limit: int
    #: Wire time of a simulation; None is the database's clock.
    now: Callable[[], datetime] | None = None
    #: Reserved and not drawn yet.
    _left: int = 0
    _reserved: Reservation | None = None
    #: Seconds of this process's clock.
    _window_ends: float = 0.0
    _blocked_until: float = 0.0
    _looked_at: float = 0.0
    _told: tuple[datetime, int] | None = field(default=None)
    _urgency: Urgency = Urgency.PROTECTION

    @contextmanager
    def at(self, urgency: Urgency) -> Iterator[None]:
        """Count the requests of a block as so urgent; what nobody said anything of is urgent."""
        before, self._urgency = self._urgency, urgency
        try:
            yield
        finally:
            self._urgency = before

    def reserve(self, urgency: Urgency, weight: int) -> None:
        """See to it that `weight` is set aside; ExchangeThrottledError where nothing may be sent now."""
        self._refuse_while_blocked()
        if self._seconds() >= self._window_ends:
            self._left = 0
        missing = weight - self._left
        if missing <= 0:
            return
        with self.open_session(None) as session:
            reserved = reserve_weight(session, self._address(), missing, share=SHARES[urgency])
        self._looked_at = self._seconds()
        if reserved is None:
            self._refuse(urgency)
        else:
            self._reserved = reserved
            self._left += missing
            self._window_ends = self._looked_at + reserved.seconds_left

    def admit(self, weight: int) -> None:
        """Draw a request's weight from what is reserved; reserve a tick's worth where too little is left."""
        self._refuse_while_blocked()
        if self._left < weight or self._seconds() >= self._window_ends:
            try:
                self.reserve(self._urgency, max(weight, TICK_WEIGHT))
            except ExchangeBudgetError:
                if weight >= TICK_WEIGHT:
                    raise
                self.reserve(self._urgency, weight)  # the share's last weight is good for this request
        elif self._seconds() - self._looked_at > BAN_KNOWN_SECONDS:
            self._look()
        self._left -= weight

    def tell(self, used_weight: int, answered_at: datetime) -> None:
        """Keep the newest count for the settlement."""
        self._told = (answered_at.replace(second=0, microsecond=0), used_weight)

    def block(self, seconds: float) -> None:
        """Tell every process at once."""
        self._blocked_until = max(self._blocked_until, self._seconds() + seconds)
        count("ExchangeThrottled")
        with self.open_session(None) as session:
            block_address(session, self._address(), seconds)

    def limit(self, weight_per_minute: int) -> None:
        """Store what the exchange states."""
        if weight_per_minute != self.weight_limit:
            self.weight_limit = weight_per_minute
            with self.open_session(None) as session:
                set_weight_limit(session, self._address())

    def settle(self) -> None:
        """Give back what was not drawn, and pass on what the exchange has counted."""
        reserved, told, unused = self._reserved, self._told, self._left
        self._reserved, self._told, self._left = None, None, 0
        if reserved is None:
            return
        told_at, told_weight = told or (None, 0)
        knows_more = told_at == reserved.window_at and told_weight > reserved.used_weight
        if unused or knows_more:
            with self.open_session(None) as session:
                settle_weight(
                    session, self._address(), reserved.window_at, unused=unused, told=told_weight, told_at=told_at
                )

    def _address(self) -> Address:
        return Address(self.venue, self.egress, self.weight_limit, None if self.now is None else self.now())

    def _seconds(self) -> float:
        return time.monotonic() if self.now is None else (self.now() - _EPOCH) / timedelta(seconds=1)

    def _refuse_while_blocked(self) -> None:
        refuse_for(self._blocked_until - self._seconds())

    def _look(self) -> Standing | None:
        with self.open_session(None) as session:
            standing = find_standing(session, self._address())
        self._looked_at = self._seconds()
        if standing is not None and standing.blocked_seconds is not None and standing.blocked_seconds > 0:
            self._blocked_until = self._looked_at + standing.blocked_seconds
        self._refuse_while_blocked()
        return standing

    def _refuse(self, urgency: Urgency) -> None:
        standing = self._look()
        seconds = standing.seconds_left if standing is not None else 60.0
        count(_METRICS[urgency])
        raise ExchangeBudgetError(
            f"{_WORDS[urgency]} in this minute: the exchange's request limit is nearly used up by all bots together.",
            retry_after_seconds=max(seconds, 1.0),
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
