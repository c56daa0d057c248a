"""The demo: a user with a key of the simulated exchange and three bots, made through the HTTP API like any user's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.local.exchange.market.csv_file import symbol_of

if TYPE_CHECKING:
    from infra.local.api_client import ApiClient
    from infra.local.state import Market

Json = dict[str, Any]
EMAIL = "demo@example.com"
PASSWORD = "watch-the-bots-trade"  # noqa: S105  a login of the local demo, printed when it starts
KEY_LABEL = "demo key"


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """Credentials of an account at the simulated exchange."""

    api_key: str
    secret_key: str


DEMO_KEY = ExchangeKey(api_key="demo" * 16, secret_key="simulated-exchange-only-" * 2 + "0123456789abcdef")
DEMO_FUNDS = {"spot": {"USDT": "10000"}, "futures": {"USDT": "10000"}}

#: Short averages, so that a newcomer sees trades within the first minute of watching (an hour of the market).
BOTS: tuple[Json, ...] = (
    {
        "name": "spot ema",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "strategy": "ema",
        "position_type": "spot",
        "ema_fast": 3,
        "ema_slow": 8,
        "rsi_period": 7,
        "rsi_oversold": 20,
        "rsi_overbought": 80,
        "stop_loss_perc": "0.8",
        "take_profit_perc": "1.6",
        "position_size_fixed": "2000",
    },
    {
        "name": "spot simple",
        "symbol": "ETHUSDT",
        "timeframe": "1m",
        "strategy": "simple",
        "position_type": "spot",
        "ema_fast": 5,
        "ema_slow": 13,
        "ema_period": 8,
        "rsi_period": 7,
        "rsi_oversold": 20,
        "rsi_overbought": 80,
        "stop_loss_perc": "1",
        "take_profit_perc": "2",
        "trailing_stop_active": True,
        "trailing_stop_perc": "0.7",
        "position_size_perc": "20",
    },
    {
        "name": "futures custom",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "strategy": "custom",
        "position_type": "futures",
        "leverage": 5,
        "ema_fast": 9,
        "ema_slow": 21,
        "rsi_period": 14,
        "rsi_oversold": 30,
        "rsi_overbought": 70,
        "custom_ema_fast": 3,
        "custom_ema_slow": 9,
        "custom_rsi_period": 7,
        "custom_rsi_oversold": 20,
        "custom_rsi_overbought": 80,
        "custom_stop_loss": "0.8",
        "custom_take_profit": "1.6",
        "custom_trailing_stop": "0.5",
        "trailing_stop_active": True,
        "trailing_stop_perc": "0.5",
        "stop_loss_perc": "1",
        "take_profit_perc": "2",
        "position_size_fixed": "500",
    },
)


def bots_for(market: Market) -> tuple[Json, ...]:
    """Return the demo's bots; a CSV has one symbol, which all of them then trade."""
    if market.candles is None:
        return BOTS
    return tuple({**bot, "symbol": symbol_of(market.candles)} for bot in BOTS)


def create_missing_bots(api: ApiClient, api_key_id: int, bots: tuple[Json, ...]) -> list[Json]:
    """Return the configs of `bots` (told apart by name), those created that were not there."""
    present = {config["name"]: config for config in api.listed("/bot-configs")}
    return [
        present.get(bot["name"]) or api.call("POST", "/bot-configs", {**bot, "api_key_id": api_key_id}) for bot in bots
    ]
