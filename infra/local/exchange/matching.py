"""What a minute does to what waits: liquidations and stops before take profits, the range first, then the next open.

Over minute k: its range, in which of liquidation and stop the one nearer to the open comes first (the stop where both
are equal), then resting orders. At the open of k + 1: funding, liquidation, stops, resting orders, before new orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from infra.local.exchange.conditional import AlgoOrder
from infra.local.exchange.decimals import from_units
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import BUY, Order
from infra.local.exchange.statuses import is_trading
from infra.local.exchange.times import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from infra.local.exchange.algo import AlgoDesk
    from infra.local.exchange.funding import Funding
    from infra.local.exchange.futures import FuturesDesk
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.candle import Candle
    from infra.local.exchange.market.live import LiveMarket
    from infra.local.exchange.market.minutes import MinuteMarket
    from infra.local.exchange.records import Account, Position
    from infra.local.exchange.spot import SpotDesk
    from infra.local.exchange.state import Place, State

_LIQUIDATION, _STOP, _RESTING = range(3)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something of one account that a price would set off; `subject` is a position, an algo order or an order."""

    rank: int
    number: int
    units: int
    is_below: bool
    account: Account
    subject: Position | AlgoOrder | Order

    def is_touched(self, low: int, high: int) -> bool:
        """Say whether a range reaches its price."""
        return low <= self.units if self.is_below else high >= self.units

    def distance(self, open_: int) -> int:
        """Return how far from the open its price lies; none where the open is beyond it."""
        return max(0, open_ - self.units if self.is_below else self.units - open_)


class Bounds(NamedTuple):
    """The prices at and beyond which something of a symbol happens."""

    below: int
    above: int


class Matcher:
    """Runs the market's minutes against what waits."""

    def __init__(
        self, state: State, market: MinuteMarket | LiveMarket, spot: SpotDesk, futures: FuturesDesk, algo: AlgoDesk
    ) -> None:
        self._state = state
        self._market = market
        self._spot = spot
        self._futures = futures
        self._algo = algo

    def advance(self, market: MinuteMarket, funding: Funding, to_ms: int) -> int:
        """Run to `to_ms`, minute by minute while anything waits; return how many orders were executed or expired."""
        done = 0
        watched = self.watched()
        for at in range(market.now_ms(), to_ms, MINUTE_MS):
            if not watched:
                break
            now = at + MINUTE_MS
            is_changed = False
            for (kind, symbol), bounds in watched.items():
                candle = market.source.candle(kind, symbol, at)
                if candle is not None and (candle.low <= bounds.below or candle.high >= bounds.above):
                    market.stand_at(at)
                    done += self.match(market.instruments[kind][symbol], candle, now - 1)
                    is_changed = True
            if funding.is_due(now):
                market.stand_at(now)
                is_changed = funding.pay(market) or is_changed
            if is_changed:
                watched = self.watched()
            for (kind, symbol), bounds in list(watched.items()):
                candle = market.source.candle(kind, symbol, now)
                if candle is not None and (candle.open <= bounds.below or candle.open >= bounds.above):
                    market.stand_at(now)
                    done += self.match_price(market.instruments[kind][symbol], candle.open, now)
                    watched = self.watched()
        market.stand_at(to_ms)
        return done

    def watched(self) -> dict[Place, Bounds]:
        """Return the symbols of which something waits, with the prices that it waits for."""
        found: dict[Place, Bounds] = {}
        for place in self.places():
            waiting = list(self._waiting(self._market.instruments[place[0]][place[1]]))
            found[place] = Bounds(
                max((one.units for one in waiting if one.is_below), default=-1),
                min((one.units for one in waiting if not one.is_below), default=1 << 127),
            )
        return found

    def places(self) -> list[Place]:
        """Return the trading symbols with orders, algo orders or positions, in a fixed order."""
        places = {place for place, book in self._state.open_orders.items() if book}
        places |= {(MarketKind.FUTURES, symbol) for symbol, book in self._state.conditionals.open_algos.items() if book}
        for account in self._state.accounts.values():
            places |= {(MarketKind.FUTURES, symbol) for symbol, one in account.positions.items() if one.quantity}
        instruments = self._market.instruments
        return sorted(one for one in places if one[1] in instruments[one[0]] and is_trading(self._state, *one))

    def match(self, instrument: Instrument, candle: Candle, at_ms: int) -> int:
        """Set off what the range of a minute touches."""
        touched = [one for one in self._waiting(instrument) if one.is_touched(candle.low, candle.high)]
        # Against each other: the nearest first, a stop before a liquidation at the same price; resting orders by age.
        touched.sort(
            key=lambda one: (
                (0, one.distance(candle.open), -one.rank, one.number) if one.rank != _RESTING else (1, 0, 0, one.number)
            )
        )
        return sum(self._set_off(instrument, one, candle.open, at_ms) for one in touched)

    def match_price(self, instrument: Instrument, price: int, at_ms: int) -> int:
        """Set off what a single price, such as an open, lies at or beyond."""
        touched = [one for one in self._waiting(instrument) if one.is_touched(price, price)]
        touched.sort(key=lambda one: (one.rank, one.number))
        return sum(self._set_off(instrument, one, price, at_ms) for one in touched)

    def _waiting(self, instrument: Instrument) -> Iterator[Waiting]:
        kind, symbol, accounts = instrument.kind, instrument.symbol, self._state.accounts
        for order in self._state.open_orders.get((kind, symbol), {}).values():
            account, is_buy = accounts[order.api_key], order.side == BUY
            if order.is_waiting:
                yield Waiting(_STOP, order.order_id, _units(order.stop_price), not is_buy, account, order)
            else:
                yield Waiting(_RESTING, order.order_id, _units(order.price), is_buy, account, order)
        if kind is MarketKind.SPOT:
            return
        for algo in self._state.conditionals.open_algos.get(symbol, {}).values():
            account, units = accounts[algo.api_key], _units(algo.trigger_price)
            yield Waiting(_STOP if algo.is_stop else _RESTING, algo.algo_id, units, algo.triggers_below, account, algo)
        for account in accounts.values():
            position = account.positions.get(symbol)
            if position is not None and position.quantity and position.isolated:
                price = self._futures.liquidation_tick(account, instrument, position)
                yield Waiting(_LIQUIDATION, 0, _units(price), position.quantity > 0, account, position)

    def _set_off(self, instrument: Instrument, one: Waiting, open_: int, at_ms: int) -> int:
        """Execute what was touched, unless something before it in the same minute has ended it."""
        account, subject = one.account, one.subject
        if not isinstance(subject, AlgoOrder | Order):
            if not subject.quantity or (subject.quantity > 0) != one.is_below:
                return 0
            self._futures.liquidate(account, instrument, from_units(one.units), at_ms)
            self._algo.expire_all(account, instrument.symbol, at_ms)
            return 1
        if not subject.is_open:
            return 0
        # A stop trades at the market: at its own price, or at the open where that lies beyond already.
        quote = self._market.quote_at(instrument, from_units(open_ if one.is_touched(open_, open_) else one.units))
        if isinstance(subject, AlgoOrder):
            self._algo.trigger(account, instrument, subject, quote, at_ms)
        elif instrument.kind is MarketKind.FUTURES:
            self._futures.fill_resting(account, instrument, subject, at_ms)
        elif one.rank == _STOP:
            self._spot.trigger(account, instrument, subject, quote, at_ms)
        else:
            self._spot.fill_resting(account, instrument, subject, at_ms)
        return 1


def _units(price: Decimal) -> int:
    return int(price.scaleb(8))
