"""Random backtests that meet every rule often: short averages, wild candles, gaps, near stops, small limits."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tradebot.domain.market import MarketType
from tradebot.domain.symbol import SymbolRules
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest_setup import BacktestSetup, FundingRate, MarginBracket
from tradebot.engine.candles import CandleArray
from tradebot.engine.parameters import FeeRates, resolve_parameters

#: 2023-02-27, a Monday, 22:00 UTC: a midnight is near.
START_MS = 1_677_535_200_000
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Case:
    """One backtest."""

    setup: BacktestSetup
    candles: CandleArray


def random_case(seed: int, *, count: int | None = None) -> Case:
    """Return the backtest of that number; the same on every machine."""
    dice = random.Random(seed)
    timeframe = dice.choice(
        [Timeframe.M1, Timeframe.M1, Timeframe.M15, Timeframe.H1, Timeframe.H4, Timeframe.H8, Timeframe.D1]
    )
    # Ticks that are no power of ten, candles finer or coarser than the tick, quantities of whole coins.
    tick, decimals = dice.choice(
        [("0.01", 2), ("0.01", 2), ("0.1", 2), ("0.5", 1), ("0.05", 3), ("1", 0), ("0.25", 2), ("0.001", 2)]
    )
    step = dice.choice(["0.00001", "0.001", "0.1", "1", "0.0005"])
    price = dice.choice([60, 1_000, 25_000])
    rules = SymbolRules(
        symbol="BTCUSDT",
        base_asset="BTC",
        quote_asset="USDT",
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        min_qty=Decimal(step) * dice.choice([1, 1, 5]),
        max_qty=Decimal(dice.choice(["9000", "9000", "9000", "0.5" if step != "1" else "3"])),
        min_notional=Decimal(dice.choice(["5", "10", "1", "100", "24.6"])),
    )
    candles = random_candles(dice, timeframe, decimals, price, count or dice.randrange(2, 700))
    return Case(random_setup(dice, timeframe, rules, decimals, candles), candles)


def random_setup(
    dice: random.Random, timeframe: Timeframe, rules: SymbolRules, decimals: int, candles: CandleArray
) -> BacktestSetup:
    """Return a configuration, funding history and bracket."""
    is_futures = dice.random() < 0.6
    market = MarketType.FUTURES if is_futures else MarketType.SPOT
    slippage = dice.choice([0, 200, 200, 3_000])
    fees = FeeRates(dice.choice([0, 200, 1_000]), dice.choice([0, 500, 1_000, 750]), slippage)
    return BacktestSetup(
        parameters=resolve_parameters(random_config(dice, timeframe, is_futures=is_futures), fees),
        rules=rules,
        initial_capital=Decimal(dice.choice(["1000", "100000", "12345.67891234", "30", "5000000"])),
        price_decimals=decimals + dice.choice([0, 0, 0, 1]),
        bracket=random_bracket(dice),
        funding=random_funding(dice, candles) if market is MarketType.FUTURES else (),
        warm_up=dice.choice([None, 0, 1, 10, 30]),
    )


def random_config(dice: random.Random, timeframe: Timeframe, *, is_futures: bool) -> Any:
    """Return what `resolve_parameters` reads of a row."""
    fast = dice.randrange(1, 6)
    sizes: dict[str, Any] = {"position_size_fixed": None, "position_size_perc": None}
    match dice.randrange(4):
        case 0:
            sizes["position_size_fixed"] = Decimal(dice.choice(["100", "1000", "3333.33", "1e6"]))
        case 1 | 2:
            sizes["position_size_perc"] = Decimal(dice.choice(["10", "50", "100", "33.3333", "250"]))
    stop = dice.choice(["0.05", "0.3", "1", "2", "15", "60"])
    return SimpleNamespace(
        symbol="BTCUSDT",
        timeframe=timeframe.value,
        position_type="futures" if is_futures else "spot",
        leverage=dice.choice([1, 3, 10, 20, 50, 125]),
        strategy=dice.choice(["simple", "ema", "custom"]),
        ema_fast=fast,
        ema_slow=fast + dice.randrange(1, 6),
        ema_period=dice.choice([None, 2, 5]),
        rsi_period=dice.randrange(2, 8),
        rsi_oversold=dice.choice([10, 30, 45]),
        rsi_overbought=dice.choice([55, 70, 95]),
        stop_loss_perc=Decimal(stop),
        take_profit_perc=Decimal(dice.choice(["0.05", "0.5", "1", "4", "50"])),
        trailing_stop_active=dice.random() < 0.5,
        trailing_stop_perc=Decimal(dice.choice(["0.1", "0.7", "1.5", "20"])),
        max_daily_loss_perc=dice.choice([None, None, Decimal("0.5"), Decimal(3)]),
        daily_target_perc=dice.choice([None, None, Decimal("0.2"), Decimal(2)]),
        max_daily_trades=dice.choice([None, None, 1, 3]),
        initial_capital=None,
        check_interval_seconds=60,
        custom_ema_fast=dice.choice([None, 2]),
        custom_ema_slow=dice.choice([None, 7]),
        custom_rsi_period=dice.choice([None, 3]),
        custom_rsi_oversold=None,
        custom_rsi_overbought=dice.choice([None, 80]),
        custom_stop_loss=dice.choice([None, Decimal("0.8")]),
        custom_take_profit=None,
        custom_trailing_stop=None,
        **sizes,
    )


def random_bracket(dice: random.Random) -> MarginBracket:
    """Return the default bracket or a higher one."""
    if dice.random() < 0.5:
        return MarginBracket()
    return MarginBracket(
        dice.choice([4_000, 5_000, 20_000]),
        Decimal(dice.choice(["0", "50", "1300.5"])),
        dice.choice([None, Decimal(50_000), Decimal(2_000)]),
    )


def random_funding(dice: random.Random, candles: CandleArray) -> tuple[FundingRate, ...]:
    """Return no history, or one over a part of the candles, on and off their opens, with and without marks."""
    if dice.random() < 0.5 or not len(candles):
        return ()
    first, last = candles.open_time_ms[0], candles.open_time_ms[-1]
    every = dice.choice([DAY_MS // 3, DAY_MS // 6, 3_600_000, 5 * 60_000 + 137])
    at = first + (last - first) // dice.choice([1, 4, 100]) // every * every
    rates: list[FundingRate] = []
    while at <= last + every and len(rates) < 400:
        mark = Decimal(dice.choice(candles.close)).scaleb(-candles.price_decimals) if dice.random() < 0.7 else None
        rate = Decimal(dice.randrange(-400, 400)).scaleb(-dice.choice([4, 6, 8]))
        rates.append(FundingRate(at + dice.choice([0, 0, 0, 17]), rate, mark))
        at += every
    return tuple(rates)


def random_candles(dice: random.Random, timeframe: Timeframe, decimals: int, price: int, count: int) -> CandleArray:
    """Return a random walk with jumps between close and open, flat stretches and holes."""
    length, units = timeframe.seconds * 1000, 10**decimals
    wildness = dice.choice([0.0005, 0.004, 0.02, 0.08])
    jumps, holes = dice.choice([0.0, 0.1, 1.0]), dice.choice([0.0, 0.0, 0.02])
    candles = CandleArray(timeframe, decimals)
    at, close = START_MS // length * length, price * units
    for _ in range(count):
        start = max(1, close + (round(close * dice.gauss(0, wildness)) if dice.random() < jumps else 0))
        close = start if dice.random() < 0.05 else max(1, start + round(start * dice.gauss(0, wildness)))
        high = max(start, close) + int(dice.random() * wildness * start)
        low = max(1, min(start, close) - int(dice.random() * wildness * start))
        candles.append(at, (start, high, low, close), dice.random())
        at += length * (dice.randrange(2, 400) if dice.random() < holes else 1)
    return candles


def floats(candles: CandleArray) -> array[float]:
    """Return the closes as the strategies get them."""
    return array("d", [close / 10**candles.price_decimals for close in candles.close])
