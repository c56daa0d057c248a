"""The exchange as a whole: one market, one memory, two desks, and market time that moves minute by minute."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from infra.local.exchange.algo import AlgoDesk
from infra.local.exchange.errors import ApiError, ControlError, StartError
from infra.local.exchange.faults import Faults
from infra.local.exchange.funding import Funding
from infra.local.exchange.futures import FuturesDesk
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.matching import Matcher
from infra.local.exchange.read_lag import ReadLag
from infra.local.exchange.spot import SpotDesk
from infra.local.exchange.times import MINUTE_MS, RealClock, iso
from infra.local.exchange.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.market.live import LiveMarket
    from infra.local.exchange.settings import Settings
    from infra.local.exchange.state import State
    from infra.local.exchange.times import WireClock


class Exchange:
    """Everything that a route needs; `lock` is held by whoever reads or changes it."""

    def __init__(
        self,
        settings: Settings,
        market: MinuteMarket | LiveMarket,
        state: State,
        clock: WireClock | None = None,
    ) -> None:
        self.settings = settings
        self.market = market
        self.state = state
        self.lock = threading.RLock()
        self.clock = clock or RealClock()
        self.traffic = Traffic(self.clock, settings.limits_factor)
        self.faults = Faults()
        self.read_lag = ReadLag()
        #: What the matching engine still has to do, and when: requests that were answered -1007.
        self.late: list[tuple[int, Callable[[], object]]] = []
        self.spot = SpotDesk(state, market, settings.fees)
        self.futures = FuturesDesk(state, market, settings.fees)
        self.algo = AlgoDesk(state, market, self.futures)
        self.funding = Funding(state, settings.funding_rate)
        self.matcher = Matcher(state, market, self.spot, self.futures, self.algo)
        self._resume()

    def _resume(self) -> None:
        """Continue where the state stopped; refuse one that was made with another market."""
        kept, own = self.state.settings.get("market"), self.market.identity()
        if kept is not None and kept != own:
            msg = (
                f"the state {self.settings.state} was made with the market [{kept}], not with [{own}]. "
                "Start with the same market, choose another --state, or remove that file to start anew."
            )
            raise StartError(msg)
        self.state.set("market", own)
        if isinstance(self.market, MinuteMarket):
            if "market_time_ms" in self.state.settings:
                self.market.stand_at(int(self.state.settings["market_time_ms"]))
            self.state.set("market_time_ms", str(self.market.now_ms()))
        self.state.commit()

    def run_late(self) -> None:
        """Do what is due of the requests that the engine was slow with. Nobody can tell that it is done only now."""
        with self.lock:
            now_ms = self.clock.now_ms()
            due = sorted((one for one in self.late if one[0] <= now_ms), key=lambda one: one[0])
            self.late = [one for one in self.late if one[0] > now_ms]
            for _, act in due:
                with suppress(ApiError):  # its sender was answered long ago
                    act()

    def advance(self, to_ms: int) -> int:
        """Run the market to `to_ms`, matching every minute in between in order; return how many orders it set off."""
        market = self.market
        if not isinstance(market, MinuteMarket):
            msg = "the live market keeps its own time and cannot be advanced"
            raise ControlError(msg, 409)
        now_ms, end_ms = market.now_ms(), market.end_ms()
        if to_ms % MINUTE_MS:
            msg = f"market time moves by whole minutes, {iso(to_ms)} is none"
            raise ControlError(msg)
        if to_ms < now_ms:
            msg = f"the market stands at {iso(now_ms)} and does not go back to {iso(to_ms)}"
            raise ControlError(msg, 409)
        if end_ms is not None and to_ms > end_ms:
            msg = f"the market's candles end at {iso(end_ms)}, before {iso(to_ms)}"
            raise ControlError(msg, 409)
        filled = self.matcher.advance(market, self.funding, to_ms)
        self.state.set("market_time_ms", str(to_ms))
        self.state.commit()
        return filled

    def match_live(self) -> int:
        """Set off what the live price has reached since it was last looked at."""
        if isinstance(self.market, MinuteMarket):
            return 0
        with self.lock:
            places = self.matcher.places()
        filled = 0
        for kind, symbol in places:
            instrument = self.market.instruments[kind][symbol]
            last = int(self.market.quote(instrument).last.scaleb(8))
            with self.lock:
                filled += self.matcher.match_price(instrument, last, self.market.now_ms())
                self.state.commit()
        return filled
