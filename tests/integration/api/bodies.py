"""Valid bodies of requests, to be changed by those who try others."""

from __future__ import annotations

from typing import Any

PASSWORD = "seven-candles-before-noon"


def key_body(**changes: object) -> dict[str, Any]:
    """Return a valid new API key."""
    body: dict[str, Any] = {
        "label": "demo",
        "environment": "testnet",
        "api_key": "the-public-half-of-the-key-x7Qa",
        "secret_key": "the-half-that-nobody-may-see",
    }
    return {**body, **changes}


def bot_body(**changes: object) -> dict[str, Any]:
    """Return a valid new bot, without a key."""
    body: dict[str, Any] = {
        "name": "trend",
        "symbol": "BTCUSDT",
        "timeframe": "5m",
        "stop_loss_perc": "1.5",
        "take_profit_perc": "3",
        "ema_fast": 9,
        "ema_slow": 21,
        "rsi_period": 14,
        "rsi_oversold": 30,
        "rsi_overbought": 70,
    }
    return {**body, **changes}


def backtest_body(**changes: object) -> dict[str, Any]:
    """Return a valid backtest of half a year."""
    strategy = {name: value for name, value in bot_body().items() if name not in {"name", "symbol", "timeframe"}}
    body: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "interval": "5m",
        "start_date": "2023-01-01",
        "end_date": "2023-07-01",
        "initial_capital": "10000",
        "parameters": strategy,
    }
    return {**body, **changes}
