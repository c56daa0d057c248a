"""Random bots over random spans: what is drawn is small, the candles follow from it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from infra.local.exchange.market.csv_file import read_minutes
from infra.local.replay import real_candles
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import CandleArray
from tradebot.engine.parameters import resolve_parameters
from tradebot.models import BotConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradebot.engine.parameters import Parameters

MINUTE_MS = 60_000
DAY_MS = 86_400_000
FUNDING_MS = 8 * 3_600_000
#: 2023-03-14, which the real candles hold with days on either side.
MIDNIGHT_MS = 1_678_752_000_000
SYMBOL = "BTCUSDT"
#: Candles of both sources are in cents.
PRICE_DECIMALS = 2
_CENT_UNITS = 10**6
_PRICE = 2_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """One bot, one span, one venue."""

    #: Columns of its configuration.
    config: dict[str, Any]
    #: "walk", or "real" candles.
    source: str
    seed: int
    #: Candles that may trade, and how many of them lie before the next stamp of funding.
    count: int
    before_stamp: int
    stamp: int
    wildness: float = 0.004
    #: Shares of candles that open away from the last close, and that are missing.
    jumps: float = 0.1
    holes: float = 0.0
    slippage_ppm: int = 200
    #: Share of the ticks that never come, where nothing was due in them.
    missed: float = 0.0
    #: Hundred-thousandths per stamp, drawn around zero; 0: Binance's usual 0.01 %, which a backtest assumes.
    funding: int = 0
    #: What the account has, and whether the bot is told; one that is not reads it at its start.
    capital: Decimal = Decimal(5_000)
    is_told: bool = True

    @property
    def is_futures(self) -> bool:
        return bool(self.config["position_type"] == "futures")

    @property
    def timeframe(self) -> Timeframe:
        return Timeframe(self.config["timeframe"])

    @property
    def length_ms(self) -> int:
        return self.timeframe.seconds * 1000

    def columns(self) -> dict[str, Any]:
        """Return the row's columns."""
        return {
            "name": "a bot",
            "symbol": SYMBOL,
            "initial_capital": self.capital if self.is_told else None,
            "check_interval_seconds": 60,
            **self.config,
        }

    def parameters(self) -> Parameters:
        """Return what the configuration comes to."""
        columns = {column.name: None for column in BotConfig.__table__.columns}
        return resolve_parameters(BotConfig(**{**columns, **self.columns()}))

    def candles(self) -> CandleArray:
        """Return the warm-up, then `count` candles, then one at whose open the last tick stands."""
        warm_up = self.parameters().warm_up_candles
        stamp_ms = MIDNIGHT_MS + self.stamp * FUNDING_MS
        first_ms = (stamp_ms - self.before_stamp * self.length_ms) // self.length_ms * self.length_ms
        begin_ms = first_ms - warm_up * self.length_ms
        make = self._real if self.source == "real" else self._walk
        candles = CandleArray(self.timeframe, PRICE_DECIMALS)
        for open_ms, prices in make(begin_ms, warm_up, warm_up + self.count + 1):
            candles.append(open_ms, prices, 1.0)
        return candles

    def _walk(self, begin_ms: int, warm_up: int, count: int) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
        dice, wildness = random.Random(self.seed), self.wildness
        close, at = _PRICE, begin_ms
        for number in range(count):
            start = max(200_000, close + (round(close * dice.gauss(0, wildness)) if dice.random() < self.jumps else 0))
            close = start if dice.random() < 0.05 else max(200_000, start + round(start * dice.gauss(0, wildness)))
            high = max(start, close) + int(dice.random() * wildness * start)
            low = max(1, min(start, close) - int(dice.random() * wildness * start))
            yield at, (start, high, low, close)
            is_hole = warm_up < number < count - 2 and dice.random() < self.holes
            at += self.length_ms * (dice.randrange(2, 9) if is_hole else 1)

    def _real(self, begin_ms: int, _warm_up: int, count: int) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
        minutes = real_minutes()
        # Another day, at the same hour.
        begin_ms += random.Random(self.seed).randrange(-9, 6) * DAY_MS
        for number in range(count):
            open_ms = begin_ms + number * self.length_ms
            span = range(open_ms, open_ms + self.length_ms, MINUTE_MS)
            rows = [minutes[at] for at in span if at in minutes]
            if rows:
                yield open_ms, (rows[0][0], max(r[1] for r in rows), min(r[2] for r in rows), rows[-1][3])


@cache
def real_minutes() -> dict[int, tuple[int, int, int, int]]:
    """Return the real minutes by open time, in cents."""
    return {
        one.open_ms: (
            one.open // _CENT_UNITS,
            one.high // _CENT_UNITS,
            one.low // _CENT_UNITS,
            one.close // _CENT_UNITS,
        )
        for one in read_minutes(real_candles())
    }


def _percentages(*texts: str) -> st.SearchStrategy[Decimal]:
    return st.sampled_from([Decimal(text) for text in texts])


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case. Every level is near enough to be met, and every limit is met by some."""
    source = draw(st.sampled_from(["walk", "walk", "walk", "real" if real_candles().exists() else "walk"]))
    timeframe = draw(st.sampled_from(["1m"] * 6 + (["5m", "15m"] if source == "real" else ["5m", "1h", "4h", "1d"])))
    # Levels lie where the candles go: a real minute moves by a hundredth of what a wild one does.
    wildness = draw(st.sampled_from([0.002, 0.004, 0.008, 0.015]))
    reach = Decimal("0.0008") if source == "real" else Decimal(str(wildness))
    config = draw(_configs(reach))
    is_trailing = config["trailing_stop_active"]
    count = draw(st.sampled_from([40, 60, 80, 120]))
    return Case(
        config={**config, "timeframe": timeframe},
        source=source,
        seed=draw(st.integers(0, 2**32)),
        count=count,
        before_stamp=draw(st.integers(0, count)),
        stamp=draw(st.sampled_from([0, 0, 1, 2])),
        wildness=wildness,
        jumps=draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])),
        # A trailing stop would have to move while nobody can reach the exchange.
        holes=0.0 if is_trailing or timeframe != "1m" else draw(st.sampled_from([0.0, 0.06])),
        slippage_ppm=draw(st.sampled_from([0, 200, 200, 1_000])),
        missed=draw(st.sampled_from([0.0, 0.2, 0.7])),
        funding=draw(st.sampled_from([0, 0, 30, 300])),
        capital=draw(st.sampled_from([Decimal(5_000), Decimal("3333.33333333"), Decimal(120)])),
        is_told=draw(st.booleans()),
    )


@st.composite
def _configs(draw: st.DrawFn, reach: Decimal) -> dict[str, Any]:
    fast = draw(st.integers(1, 4))
    is_futures, is_custom = draw(st.booleans()), draw(st.booleans())

    def level(*factors: str) -> Decimal:
        """Return so many times a candle's usual move, in percent; a take profit of futures may be 5 % away at most."""
        factor = draw(_percentages(*factors))
        return min(max((reach * factor * 100).quantize(Decimal("0.0001")), Decimal("0.01")), Decimal("4.5"))

    sizes: dict[str, Any] = {"position_size_fixed": None, "position_size_perc": None}
    match draw(st.integers(0, 3)):
        case 0:
            sizes["position_size_fixed"] = draw(_percentages("100", "25.5", "33.33"))
        case 1 | 2:
            sizes["position_size_perc"] = draw(_percentages("5", "33.3333", "100"))
    return {
        "strategy": draw(st.sampled_from(["simple", "ema", "custom"])),
        "position_type": "futures" if is_futures else "spot",
        "leverage": draw(st.sampled_from([1, 3, 8, 20, 50, 100])) if is_futures else 1,
        "ema_fast": fast,
        "ema_slow": fast + draw(st.integers(1, 3)),
        "ema_period": draw(st.sampled_from([None, 2, 4])),
        "rsi_period": draw(st.integers(2, 3)),
        "rsi_oversold": draw(st.sampled_from([1, 1, 20])),
        "rsi_overbought": draw(st.sampled_from([99, 99, 80])),
        "custom_ema_fast": 2 if is_custom else None,
        "custom_ema_slow": 6 if is_custom else None,
        "custom_rsi_period": None,
        "custom_rsi_oversold": None,
        "custom_rsi_overbought": draw(st.sampled_from([None, 90])),
        "custom_stop_loss": None,
        "custom_take_profit": None,
        "custom_trailing_stop": None,
        "stop_loss_perc": level("1", "3", "10", "40"),
        "take_profit_perc": level("0.3", "1", "3", "8"),
        "trailing_stop_active": draw(st.booleans()),
        "trailing_stop_perc": level("1", "2", "4"),
        "max_daily_loss_perc": draw(st.sampled_from([None, None, Decimal("0.2"), Decimal(1)])),
        "daily_target_perc": draw(st.sampled_from([None, Decimal("0.05"), Decimal("0.5")])),
        "max_daily_trades": draw(st.sampled_from([None, None, 2, 6])),
        **sizes,
    }
