"""A market out of a seed: any minute of any day can be asked for, in any order, and is always the same.

Days start and end at anchors that wander around each symbol's base price; within a day the minutes walk from one anchor
to the next. Only products and sums of random() are used, so that every machine gives the same prices.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from infra.local.exchange.decimals import to_units
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.market.candle import Candle
from infra.local.exchange.times import DAY_MS, MINUTE_MS, to_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.instruments import Instruments

_GENESIS_MS = to_ms(datetime(2017, 1, 1, tzinfo=UTC))
_MINUTES_A_DAY = 1440
_PULL = 0.02  # the share of the way back to the base price that a day goes
_DAY_VOLATILITY = 0.04
_CACHED_DAYS = 96
_UNITS = 100_000_000

# (base price, volatility of a minute, base volume of a minute). A minute of real BTC moves about 0.05 %; this market is
# livelier, so that averages cross and stops of 0.5 to 2 % are hit several times within an hour or two.
_CHARACTERS = {
    "BTCUSDT": (60_000.0, 0.0016, 20.0),
    "ETHUSDT": (3_000.0, 0.0019, 300.0),
    "BNBUSDT": (550.0, 0.0017, 120.0),
    "SOLUSDT": (150.0, 0.0024, 2_500.0),
}


_SPREAD = 1.7320508075688772  # the sum of four random() less two has a deviation of 1 / sqrt(3)


def _bell(random: Callable[[], float]) -> float:
    """Return a bell-shaped number of mean 0 and deviation 1 without calls into the C library's mathematics."""
    return (random() + random() + random() + random() - 2.0) * _SPREAD


class GeneratedMinutes:
    """Minutes of several symbols from 2017 on, without an end."""

    def __init__(self, seed: int, instruments: Instruments) -> None:
        self.first_ms = _GENESIS_MS
        self.last_ms: int | None = None
        self._seed = seed
        self._symbols = tuple(symbol for symbol in _CHARACTERS if symbol in instruments[MarketKind.SPOT])
        self._ticks = {
            (kind, one.symbol): to_units(one.tick_size)
            for kind, listed in instruments.items()
            for one in listed.values()
        }
        self._anchors: dict[str, list[float]] = {symbol: [_CHARACTERS[symbol][0]] for symbol in self._symbols}
        self._days: OrderedDict[tuple[str, int], list[Candle]] = OrderedDict()

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols it has candles of."""
        return self._symbols

    def identity(self) -> str:
        """Describe the source by what its prices depend on."""
        return f"generator seed={self._seed}"

    def candle(self, kind: MarketKind, symbol: str, open_ms: int) -> Candle | None:
        """Return the minute that opens at `open_ms`, on the price grid of `kind`."""
        day, rest = divmod(open_ms - _GENESIS_MS, DAY_MS)
        if day < 0:
            return None
        candle = self._day(symbol, day)[rest // MINUTE_MS]
        if kind is MarketKind.SPOT:
            return candle
        tick = self._ticks[kind, symbol]
        half = tick // 2
        return candle._replace(
            open=(candle.open + half) // tick * tick,
            high=(candle.high + half) // tick * tick,
            low=(candle.low + half) // tick * tick,
            close=(candle.close + half) // tick * tick,
        )

    def close_before(self, kind: MarketKind, symbol: str, open_ms: int) -> int | None:
        """Return the close of the minute before `open_ms`."""
        before = self.candle(kind, symbol, open_ms - MINUTE_MS)
        return before.close if before else None

    def _anchor(self, symbol: str, day: int) -> float:
        anchors = self._anchors[symbol]
        base = _CHARACTERS[symbol][0]
        while len(anchors) <= day:
            random = Random(f"{self._seed}:{symbol}:day:{len(anchors)}")  # noqa: S311 - a market, not a secret
            last = anchors[-1]
            anchors.append(last * (1.0 + _PULL * (base / last - 1.0)) * (1.0 + _DAY_VOLATILITY * _bell(random.random)))
        return anchors[day]

    def _day(self, symbol: str, day: int) -> list[Candle]:
        made = self._days.get((symbol, day))
        if made is None:
            made = self._make_day(symbol, day)
            self._days[symbol, day] = made
            if len(self._days) > _CACHED_DAYS:
                self._days.popitem(last=False)
        return made

    def _make_day(self, symbol: str, day: int) -> list[Candle]:
        random = Random(f"{self._seed}:{symbol}:{day}").random  # noqa: S311 - a market, not a secret
        _, volatility, base_volume = _CHARACTERS[symbol]
        start, end = self._anchor(symbol, day), self._anchor(symbol, day + 1)
        path, moods = [], []
        factor, mood = 1.0, 1.0
        for minute in range(_MINUTES_A_DAY):
            if minute % 60 == 0:  # calm and lively hours alternate
                mood = volatility * (0.6 + 0.9 * random())
            factor *= 1.0 + mood * _bell(random)
            path.append(factor)
            moods.append(mood)
        drift = (end / (start * factor) - 1.0) / _MINUTES_A_DAY
        tick = self._ticks[MarketKind.SPOT, symbol]
        ticks_a_unit = _UNITS / tick
        opens_ms = _GENESIS_MS + day * DAY_MS
        close = round(start * ticks_a_unit)
        candles = []
        for minute in range(_MINUTES_A_DAY):
            price = start * path[minute] * (1.0 + drift * (minute + 1)) * ticks_a_unit
            reach = price * moods[minute]
            open_ = close + round(reach * 0.05 * _bell(random))
            close = round(price)
            high, low = (open_, close) if open_ > close else (close, open_)
            high += round(reach * 0.5 * random())
            low -= round(reach * 0.5 * random())
            volume = round(base_volume * (0.3 + random()) * 100_000) * 1_000
            at = opens_ms + minute * MINUTE_MS
            candles.append(Candle(at, open_ * tick, high * tick, low * tick, close * tick, volume))
        return candles
