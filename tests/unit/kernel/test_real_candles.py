"""Three weeks of real BTCUSDT minutes through both engines: every strategy, both markets."""

from __future__ import annotations

import csv
import os
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench.engine_setup import RULES
from tradebot.domain.timeframe import Timeframe
from tradebot.engine import backtest
from tradebot.engine.backtest_setup import BacktestSetup
from tradebot.engine.candles import CandleArray, scaled, to_ms
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.run import simulate_compiled
from tradebot.engine.parameters import resolve_parameters
from tradebot.strategy.registry import STRATEGY_NAMES

FOLDER = Path(os.environ.get("TRADEBOT_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
FILE = FOLDER / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"

pytestmark = [
    pytest.mark.skipif(not FILE.is_file(), reason=f"no real candles at {FILE}: TRADEBOT_DATA names their folder"),
    pytest.mark.skipif(kernel() is None, reason="no compiled engine on this machine: `make install` makes it"),
]


@cache
def real_candles() -> CandleArray:
    candles = CandleArray(Timeframe.M1, 2)
    with FILE.open(newline="") as file:
        for at, *prices, volume in list(csv.reader(file))[1:]:
            candles.append(
                to_ms(datetime.fromisoformat(at)), [scaled(Decimal(price), 2) for price in prices], float(volume)
            )
    return candles


@pytest.mark.parametrize("market", ["spot", "futures"])
@pytest.mark.parametrize("strategy", STRATEGY_NAMES)
def test_three_weeks_of_real_minutes_give_the_same_bytes(strategy: str, market: str) -> None:
    config = SimpleNamespace(
        symbol="BTCUSDT",
        timeframe="1m",
        position_type=market,
        leverage=25,
        strategy=strategy,
        ema_fast=9,
        ema_slow=21,
        ema_period=None,
        rsi_period=14,
        rsi_oversold=30,
        rsi_overbought=70,
        custom_ema_fast=5,
        custom_ema_slow=None,
        custom_rsi_period=10,
        custom_rsi_oversold=None,
        custom_rsi_overbought=75,
        custom_stop_loss=Decimal("0.6"),
        custom_take_profit=None,
        custom_trailing_stop=None,
        stop_loss_perc=Decimal(2),
        take_profit_perc=Decimal("1.2"),
        trailing_stop_active=True,
        trailing_stop_perc=Decimal("0.8"),
        max_daily_loss_perc=Decimal(2),
        daily_target_perc=Decimal(3),
        max_daily_trades=20,
        initial_capital=None,
        check_interval_seconds=60,
        position_size_fixed=None,
        position_size_perc=Decimal(20),
    )
    setup = BacktestSetup(resolve_parameters(config), RULES, Decimal(10_000), price_decimals=2)
    plain, ours = backtest.simulate(setup, real_candles()), simulate_compiled(setup, real_candles())
    assert ours is not None
    assert len(plain[1].trades) > 100
    assert ours == plain
    assert ours[0].to_bytes() == plain[0].to_bytes()
