"""freqtrade: its backtest with its own trailing stop and target, offline: its exchange is told its one market."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from unittest.mock import PropertyMock, patch

import pandas as pd
import talib.abstract as ta
from freqtrade.enums import CandleType, RunMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.resolvers.strategy_resolver import StrategyResolver
from freqtrade.strategy import IStrategy
from serving import CAPITAL, FAST, FEE, OVERBOUGHT, RSI, SIZE, SLOW, TARGET, TRAILING, WARM_UP, columns, serve

if TYPE_CHECKING:
    from collections.abc import Callable

PAIR = "BTC/USDT"
NO_LIMIT = {"min": None, "max": None}
MARKET = {
    PAIR: {
        "id": "BTCUSDT",
        "symbol": PAIR,
        "base": "BTC",
        "quote": "USDT",
        "type": "spot",
        "active": True,
        "spot": True,
        "swap": False,
        "future": False,
        "linear": None,
        "contractSize": None,
        "taker": FEE,
        "maker": FEE,
        "precision": {"price": 0.01, "amount": 0.00001, "cost": 0.01},
        "limits": {"amount": {"min": 0.00001, "max": 9000}, "price": NO_LIMIT, "cost": NO_LIMIT, "leverage": NO_LIMIT},
        "info": {},
    }
}


class Cross(IStrategy):  # type: ignore[misc]  # freqtrade is not installed here
    INTERFACE_VERSION = 3
    timeframe = "1m"
    #: Its return on investment is net of both fees.
    minimal_roi: ClassVar = {"0": (1 + TARGET) * (1 - FEE) / (1 + FEE) - 1}
    stoploss = -TRAILING
    trailing_stop = True
    startup_candle_count = 0

    def populate_indicators(self, frame: Any, metadata: Any) -> Any:
        del metadata
        frame["fast"], frame["slow"] = ta.EMA(frame, timeperiod=FAST), ta.EMA(frame, timeperiod=SLOW)
        frame["rsi"] = ta.RSI(frame, timeperiod=RSI)
        return frame

    def populate_entry_trend(self, frame: Any, metadata: Any) -> Any:
        del metadata
        crosses = (frame.fast.shift() <= frame.slow.shift()) & (frame.fast > frame.slow)
        frame.loc[crosses & (frame.rsi < OVERBOUGHT), "enter_long"] = 1
        return frame

    def populate_exit_trend(self, frame: Any, metadata: Any) -> Any:
        del metadata
        frame.loc[(frame.fast.shift() >= frame.slow.shift()) & (frame.fast < frame.slow), "exit_long"] = 1
        return frame


def settings(folder: Path) -> dict[str, Any]:
    prices = {"price_side": "same", "use_order_book": False, "order_book_top": 1}
    return {
        "runmode": RunMode.BACKTEST,
        "exchange": {"name": "binance", "key": "", "secret": "", "pair_whitelist": [PAIR], "enable_ws": False},
        "pairlists": [{"method": "StaticPairList"}],
        "stake_currency": "USDT",
        "stake_amount": SIZE,
        "dry_run": True,
        "dry_run_wallet": CAPITAL,
        "max_open_trades": 1,
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": CandleType.SPOT,
        "timeframe": "1m",
        "fee": FEE,
        "user_data_dir": folder,
        "datadir": folder,
        "exportfilename": folder / "result",
        "export": "none",
        "strategy": "Cross",
        "entry_pricing": {**prices, "price_last_balance": 0},
        "exit_pricing": prices,
        "unfilledtimeout": {"entry": 10, "exit": 30, "unit": "minutes", "exit_timeout_count": 0},
        "dataformat_ohlcv": "feather",
        "dataformat_trades": "feather",
        "original_config": {},
        "timerange": "",
    }


def offline_engine() -> Any:
    """Return its engine; nothing asks a network."""
    config = settings(Path(tempfile.mkdtemp()))
    for name in ("reload_markets", "_load_async_markets", "validate_config", "validate_timeframes"):
        patch.object(Exchange, name, lambda *_, **__: MARKET).start()
    patch.object(Exchange, "markets", PropertyMock(return_value=MARKET)).start()
    patch.object(Exchange, "get_fee", lambda *_, **__: FEE).start()
    with patch.object(StrategyResolver, "_load_strategy", lambda *_, **__: Cross(config)):
        engine = Backtesting(config)
    engine._set_strategy(engine.strategylist[0])
    return engine


def prepare(path: str, count: int) -> Callable[[], tuple[int, float]]:
    logging.disable(logging.CRITICAL)
    times, *prices = columns(path, count)
    frame = pd.DataFrame(dict(zip(("open", "high", "low", "close"), prices, strict=True)))
    frame.insert(0, "date", pd.to_datetime(times, unit="ms", utc=True))
    frame["volume"] = 1.0
    start, end = (frame.date[number].to_pydatetime() for number in (WARM_UP, count - 1))
    engine = offline_engine()

    def run() -> tuple[int, float]:
        processed = engine.strategy.advise_all_indicators({PAIR: frame.copy()})
        processed = {pair: rows[rows.date >= start].reset_index(drop=True) for pair, rows in processed.items()}
        trades = engine.backtest(processed=processed, start_date=start, end_date=end)["results"]
        return len(trades), CAPITAL + float(trades.profit_abs.sum())

    return run


if __name__ == "__main__":
    serve(prepare)
