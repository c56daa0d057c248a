"""The comparison's bot as ours: the settings that tests/bench/peers/serving.py gives the others."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

from tests.bench.peers.serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SIZE, SLOW, STOP, TARGET, TRAILING
from tradebot.domain.symbol import SymbolRules
from tradebot.engine.backtest_setup import BacktestSetup
from tradebot.engine.parameters import FeeRates, resolve_parameters

RULES = SymbolRules(
    symbol="BTCUSDT",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_qty=Decimal("0.00001"),
    max_qty=Decimal(9000),
    min_notional=Decimal(5),
)


def percent(part: float) -> Decimal:
    """Return a fraction as a column of percentages holds it."""
    return Decimal(str(part)) * 100


def bench_setup(fast: int = FAST, slow: int = SLOW, warm_up: int | None = None) -> BacktestSetup:
    """Return the bot: spot, so long only, as the others are told to be; no slippage, which they do not round alike."""
    config = SimpleNamespace(
        symbol="BTCUSDT",
        timeframe="1m",
        position_type="spot",
        leverage=1,
        strategy="ema",
        ema_fast=fast,
        ema_slow=slow,
        ema_period=None,
        rsi_period=RSI,
        rsi_oversold=30,
        rsi_overbought=OVERBOUGHT,
        stop_loss_perc=percent(STOP),
        take_profit_perc=percent(TARGET),
        trailing_stop_active=True,
        trailing_stop_perc=percent(TRAILING),
        max_daily_loss_perc=None,
        daily_target_perc=None,
        max_daily_trades=None,
        initial_capital=None,
        check_interval_seconds=60,
        position_size_fixed=Decimal(str(SIZE)),
        position_size_perc=None,
    )
    ppm = int(FEE * 1_000_000)
    parameters = resolve_parameters(config, FeeRates(maker_ppm=ppm, taker_ppm=ppm, slippage_ppm=0))
    return BacktestSetup(parameters, RULES, Decimal(str(CAPITAL)), price_decimals=2, warm_up=warm_up)
