"""The golden backtests and what is written down of each. `python -m tests.golden.results` rewrites the files."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
import os
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tradebot.domain.money import canonical
from tradebot.domain.symbol import SymbolRules
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest import BacktestOutput, BacktestSetup, BacktestTrade, simulate
from tradebot.engine.backtest_output import SKIPS
from tradebot.engine.candles import CandleArray, from_ms, scaled, to_ms
from tradebot.engine.parameters import resolve_parameters

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Path(__file__).parent
DATA = Path(os.environ.get("TRADEBOT_DATA", Path(__file__).parents[3] / "shared" / "data"))
MINUTES = DATA / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"
CASES = [(strategy, market) for strategy in ("simple", "ema", "custom") for market in ("spot", "futures")]
RULES = SymbolRules(
    symbol="BTCUSDT",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_qty=Decimal("0.00001"),
    max_qty=Decimal(9000),
    min_notional=Decimal(10),
)
CONFIG: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "timeframe": "1m",
    "leverage": 5,
    "initial_capital": Decimal(10_000),
    "position_size_fixed": None,
    "position_size_perc": Decimal(10),
    "stop_loss_perc": Decimal("0.3"),
    "take_profit_perc": Decimal("0.6"),
    "trailing_stop_perc": Decimal("0.4"),
    "trailing_stop_active": True,
    "ema_fast": 21,
    "ema_slow": 55,
    "ema_period": 200,
    "rsi_period": 14,
    "rsi_oversold": 25,
    "rsi_overbought": 75,
    "max_daily_loss_perc": Decimal(2),
    "daily_target_perc": Decimal(3),
    "max_daily_trades": 30,
    "check_interval_seconds": 60,
    "custom_ema_fast": 8,
    "custom_ema_slow": 21,
    "custom_rsi_period": 7,
    "custom_rsi_oversold": 35,
    "custom_rsi_overbought": 65,
    "custom_stop_loss": Decimal("0.3"),
    "custom_take_profit": Decimal("0.9"),
    "custom_trailing_stop": Decimal("0.5"),
}


def minutes() -> CandleArray:
    """Return the three weeks of real minutes."""
    candles = CandleArray(Timeframe.M1, 2)
    with MINUTES.open(newline="") as file:
        for row in csv.DictReader(file):
            prices = [scaled(Decimal(row[name]), 2) for name in ("open", "high", "low", "close")]
            candles.append(to_ms(datetime.fromisoformat(row["open_time"])), prices, float(row["volume"]))
    return candles


def setup_of(strategy: str, market: str) -> BacktestSetup:
    """Return the golden backtest of a strategy on a market."""
    parameters = resolve_parameters(SimpleNamespace(**CONFIG, strategy=strategy, position_type=market))
    return BacktestSetup(parameters, RULES, Decimal(10_000), 2)


def result_of(setup: BacktestSetup, candles: CandleArray) -> dict[str, Any]:
    """Return what is written down: figures that people can read, and hashes that leave nothing out."""
    state, output = simulate(setup, candles)
    trades = [_trade(trade) for trade in output.trades]
    return {
        "equity": canonical(output.units.money(output.equity[-1])),
        "tally": state.tally.to_json(),
        "exits": dict(
            sorted(Counter(trade.reason for trade in output.trades if trade.realized_pnl is not None).items())
        ),
        "skipped": dict(sorted(Counter(SKIPS[number].value for number in output.skipped_reason).items())),
        "days": list(_days(output)),
        "first_trades": trades[:6],
        "last_trades": trades[-6:],
        "sha256": {
            "state": _sha256([state.to_bytes().decode()]),
            "trades": _sha256(trades),
            "equity": _sha256(map(str, output.equity)),
        },
    }


def _days(output: BacktestOutput) -> Iterable[str]:
    days, money = output.days, output.units.money
    for number in range(len(days)):
        day = date(1970, 1, 1) + timedelta(days=days.day[number])
        end, realized = canonical(money(days.end[number])), canonical(money(days.realized_pnl[number]))
        yield f"{day} end {end} realized {realized} entries {days.entries[number]}"


def _trade(trade: BacktestTrade) -> str:
    at = from_ms(trade.at_ms).astimezone(UTC).isoformat(timespec="milliseconds")
    amounts = (trade.quantity, trade.price, trade.fee, trade.funding)
    realized = "" if trade.realized_pnl is None else f" realized {canonical(trade.realized_pnl)}"
    numbers = "{} at {} fee {} funding {}".format(*map(canonical, amounts))
    return f"{at} {trade.leg} {trade.position_side} {trade.reason} {trade.order_type} {numbers}{realized}"


def _sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def text_of(result: dict[str, Any]) -> str:
    """Return a result as its file holds it."""
    return json.dumps(result, indent=1, sort_keys=True) + "\n"


def path_of(strategy: str, market: str) -> Path:
    """Return where a result is kept."""
    return FOLDER / f"{strategy}-{market}.json"


def rewrite() -> None:
    """Run every golden backtest, write its file and show what changed."""
    candles = minutes()
    for strategy, market in CASES:
        path, after = path_of(strategy, market), text_of(result_of(setup_of(strategy, market), candles))
        before = path.read_text() if path.exists() else ""
        path.write_text(after)
        changes = difflib.unified_diff(before.splitlines(), after.splitlines(), f"{path.name} before", "after", n=0)
        print("\n".join(changes) or f"{path.name}: unchanged")


if __name__ == "__main__":
    rewrite()
