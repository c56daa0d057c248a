"""The exchange as a whole: one market, one memory, two desks, and market time that moves minute by minute."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from infra.local.exchange.errors import ApiError, ControlError, StartError
from infra.local.exchange.faults import Faults
from infra.local.exchange.futures import FuturesDesk
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.read_lag import ReadLag
from infra.local.exchange.records import BUY
from infra.local.exchange.spot import SpotDesk
from infra.local.exchange.times import MINUTE_MS, RealClock, iso
from infra.local.exchange.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.live import LiveMarket
    from infra.local.exchange.records import Order
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
        """Run the market to `to_ms`, matching every minute in between in order; return how many orders were filled."""
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
        filled = 0
        for at in range(now_ms, to_ms, MINUTE_MS):
            if not any(self.state.open_orders.values()):
                break
            market.stand_at(at)
            filled += self._match_minute(market, at)
        market.stand_at(to_ms)
        self.state.set("market_time_ms", str(to_ms))
        return filled

    def _match_minute(self, market: MinuteMarket, at: int) -> int:
        """Fill what the range of the minute opening at `at` touches, oldest first; dated at its last moment."""
        filled = 0
        for (kind, symbol), book in sorted(self.state.open_orders.items()):
            if not book:
                continue
            instrument = market.instruments[kind][symbol]
            candle = market.source.candle(kind, symbol, at)
            if candle is None:
                continue
            for _, order in sorted(book.items()):
                if order.is_open and _is_touched(order, candle):
                    self.fill_resting(instrument, order, at + MINUTE_MS - 1)
                    filled += 1
        return filled

    def match_live(self) -> int:
        """Fill the resting orders that the live price has reached since it was last looked at."""
        if isinstance(self.market, MinuteMarket):
            return 0
        with self.lock:
            places = [place for place, book in self.state.open_orders.items() if book]
        filled = 0
        for kind, symbol in places:
            instrument = self.market.instruments[kind].get(symbol)
            if instrument is None:  # no longer traded upstream
                continue
            last = int(self.market.quote(instrument).last.scaleb(8))
            now_ms = self.market.now_ms()
            candle = Candle(now_ms, last, last, last, last, 0)
            with self.lock:
                touched = [one for one in self.state.open_orders[kind, symbol].values() if _is_touched(one, candle)]
                for order in sorted(touched, key=lambda one: one.order_id):
                    self.fill_resting(instrument, order, now_ms)
                self.state.commit()
            filled += len(touched)
        return filled

    def fill_resting(self, instrument: Instrument, order: Order, executed_ms: int) -> None:
        """Execute a resting order at its own price."""
        account = self.state.accounts[order.api_key]
        if order.kind is MarketKind.SPOT:
            self.spot.fill_resting(account, instrument, order, executed_ms)
        else:
            self.futures.fill_resting(account, instrument, order, executed_ms)


def _is_touched(order: Order, candle: Candle) -> bool:
    units = order.price.scaleb(8)
    return candle.low <= units if order.side == BUY else candle.high >= units
