"""One venue's request limit and ban, shared by every process behind one egress through a row in Postgres.

A tick reserves the weight that it may need by one UPDATE before its first request, and settles by another one at its
end. What is asked for nothing (a flat tick with cached candles) reserves nothing.
"""

from __future__ import annotations

import time
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
    from collections.abc import Callable

    from tradebot.services.user_sessions import OpenSession

#: Of a minute's weight: the rest is kept for those who hold a position.
SHARES = {Urgency.ENTRY: 0.6, Urgency.PROTECTION: 1.0}
#: What an entry costs with its stop, and what a tick with a position costs.
ENTRY_WEIGHT = 40
TICK_WEIGHT = 30
#: A tick that takes longer looks again whether somebody was banned meanwhile.
BAN_KNOWN_SECONDS = 2.0


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
                self.reserve(Urgency.PROTECTION, max(weight, TICK_WEIGHT))
            except ExchangeBudgetError:
                self.reserve(Urgency.PROTECTION, weight)  # the minute's last weight is good for this request
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
        count("EntriesShed" if urgency is Urgency.ENTRY else "TicksShed")
        what = "No position is opened" if urgency is Urgency.ENTRY else "Nothing more is asked"
        raise ExchangeBudgetError(
            f"{what} in this minute: the exchange's request limit is nearly used up by all bots together.",
            retry_after_seconds=max(seconds, 1.0),
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
