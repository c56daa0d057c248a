"""`make replay`: real minutes through the whole path: rule, dispatcher, bot_runner processes, ccxt, Postgres.

Afterwards every trade, balance and profit is held against the exchange's ledger. It fails where they differ, and where
too little happened for the comparison to mean anything.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from infra.local import demo
from infra.local.api_client import ApiClient
from infra.local.reconcile import BotLedger, Reconciliation, compare_balances, compare_trades
from infra.local.state import REPOSITORY, LocalError, Market

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.local.machine import Machine

Json = dict[str, Any]
CANDLES = "BTCUSDT-1m-2023-03-01--2023-03-21.csv"
FIRST_MINUTE = datetime(2023, 3, 11, 12, tzinfo=UTC)
LAST_MINUTE = datetime(2023, 3, 15, 12, tzinfo=UTC)
FUNDS = Decimal(10000)
PLAIN_PROGRESS_HOURS = 3
LEAST_TRADES = 10
LEAST_STOPS = 3
BASE_ASSET = "BTC"

#: Averages short enough and stops near enough for a few hours of a wild market to exercise both.
BOTS: tuple[Json, ...] = (
    {
        "name": "spot ema",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "strategy": "ema",
        "position_type": "spot",
        "ema_fast": 5,
        "ema_slow": 13,
        "rsi_period": 14,
        "rsi_oversold": 20,
        "rsi_overbought": 80,
        "stop_loss_perc": "0.4",
        "take_profit_perc": "2",
        "trailing_stop_active": True,
        "trailing_stop_perc": "0.3",
        "position_size_perc": "50",
    },
    {
        "name": "futures custom",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "strategy": "custom",
        "position_type": "futures",
        "leverage": 3,
        "ema_fast": 9,
        "ema_slow": 21,
        "rsi_period": 14,
        "rsi_oversold": 30,
        "rsi_overbought": 70,
        "custom_ema_fast": 5,
        "custom_ema_slow": 13,
        "custom_rsi_period": 14,
        "custom_rsi_oversold": 20,
        "custom_rsi_overbought": 80,
        "custom_stop_loss": "0.4",
        "custom_take_profit": "2",
        "custom_trailing_stop": "0.3",
        "trailing_stop_active": True,
        "trailing_stop_perc": "0.3",
        "stop_loss_perc": "1",
        "take_profit_perc": "2",
        "position_size_fixed": "1000",
    },
)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay saw."""

    bots: list[BotLedger]
    reconciliation: Reconciliation
    minutes: int
    seconds: float
    requests: Json

    @property
    def failures(self) -> list[str]:
        """Why the replay failed: differences, errors of bots, or too little to compare."""
        found = list(self.reconciliation.findings)
        for bot in self.bots:
            name = bot.config["name"]
            if bot.state["last_error_message"]:
                found.append(f"{name}: {bot.state['last_error_message']}")
            if len(bot.trades) < LEAST_TRADES or bot.stops < LEAST_STOPS:
                found.append(
                    f"{name}: {len(bot.trades)} trades with {bot.stops} stops are too few to prove anything"
                    f" (at least {LEAST_TRADES} with {LEAST_STOPS})"
                )
        return found


def real_candles() -> Path:
    """Return where the real candles lie: beside the checkout, or in the folder that TRADEBOT_DATA names."""
    return Path(os.environ.get("TRADEBOT_DATA") or REPOSITORY.parent / "shared" / "data") / CANDLES


def market(candles: Path, start: datetime) -> Market:
    """Return the CSV's market from `start` on. Raises LocalError where the file is not there."""
    if not candles.is_file():
        raise LocalError(f"there is no file {candles}: name a CSV of Binance klines with CANDLES=path")
    return Market(kind="csv", candles=candles, start=start)


def replay(
    machine: Machine,
    until: datetime,
    *,
    bots: Sequence[Json] = BOTS,
    on_tick: Callable[[datetime], None] = lambda _: None,
) -> Replay:
    """Start `bots` on the machine's market, run it to `until`, and compare what was recorded with what was done."""
    key = demo.DEMO_KEY
    funds = {wallet: {"USDT": str(FUNDS)} for wallet in ("spot", "futures")}
    machine.exchange.open_account(key.api_key, key.secret_key, funds)
    with ApiClient(machine.cloud.api_url, demo.EMAIL, demo.PASSWORD) as api:
        api.register_or_log_in(machine.cloud.state_directory)
        row = api.checked_api_key(demo.KEY_LABEL, key.api_key, key.secret_key)
        configs = demo.create_missing_bots(api, row["id"], tuple(bots))
        for config in configs:
            api.call("POST", f"/bot-runner/{config['id']}/start")
        first, began = machine.exchange.market_time(), time.monotonic()
        machine.run(until=until, on_tick=on_tick)
        seconds = time.monotonic() - began
        ledgers = [ledger(api, config) for config in configs]
    return Replay(
        bots=ledgers,
        reconciliation=reconcile(machine, ledgers),
        minutes=int((machine.exchange.market_time() - first).total_seconds() // 60),
        seconds=seconds,
        requests=machine.exchange.stats(),
    )


def ledger(api: ApiClient, config: Json) -> BotLedger:
    """Return what the API says of one bot, trades oldest first."""
    key = config["id"]
    return BotLedger(
        config=config,
        state=api.call("GET", f"/bot-states/{key}"),
        report=api.call("GET", f"/bot-reports/{key}"),
        trades=api.listed("/trades", {"bot_config_id": key, "limit": 100})[::-1],
    )


def reconcile(machine: Machine, bots: Sequence[BotLedger]) -> Reconciliation:
    """Compare each bot's ledger with the account's executions and balances (one bot per wallet)."""
    result = Reconciliation()
    account = machine.exchange.account(demo.DEMO_KEY.api_key)
    executions = machine.exchange.executions(demo.DEMO_KEY.api_key)
    for bot in bots:
        own = [row for row in executions if row["market"] == bot.market]
        compare_trades(result, bot, own, "testnet")
        compare_balances(result, bot, FUNDS, account, BASE_ASSET)
    return result


def outcome_table(outcome: Replay) -> Table:
    """Return the result for a person."""
    ticks = outcome.minutes * len(outcome.bots)
    table = Table(
        title=f"{outcome.minutes} market minutes, {ticks} bot ticks in {outcome.seconds:.0f} s"
        f" = {ticks / outcome.seconds:.1f} bot ticks a second"
    )
    for column in ("Bot", "Trades", "Stops", "Targets", "Realised", "Fees", "Win rate", "Position"):
        is_text = column in {"Bot", "Position"}
        table.add_column(column, justify="left" if is_text else "right", min_width=None if is_text else 8)
    for bot in outcome.bots:
        table.add_row(
            bot.config["name"],
            str(len(bot.trades)),
            str(bot.stops),
            str(sum(trade["reason"] == "take_profit" for trade in bot.trades)),
            f"{Decimal(bot.report['realized_pnl']):+.2f}",
            f"{Decimal(bot.report['fees']):.2f}",
            "-" if bot.report["win_rate"] is None else f"{float(bot.report['win_rate']):.0%}",
            "open" if bot.state["in_position"] else "flat",
        )
    return table


def main() -> int:
    """Run the replay with progress, print its result, return the exit code."""
    parser = argparse.ArgumentParser(prog="make replay", description=__doc__)
    parser.add_argument("--candles", type=Path, default=real_candles())
    parser.add_argument("--start", type=_instant, default=FIRST_MINUTE)
    parser.add_argument("--end", type=_instant, default=LAST_MINUTE)
    options = parser.parse_args()
    console = Console()
    # A replay proves something about a fresh start, so its state is its own and does not stay.
    state = Path(tempfile.mkdtemp(prefix="tradebot-replay-"))
    try:
        outcome = _with_progress(console, state, options)
    except LocalError as error:
        console.print(f"[red]Cannot go on:[/] {error}", highlight=False)
        return 1
    finally:
        shutil.rmtree(state, ignore_errors=True)
    console.print(outcome_table(outcome))
    reasons = ", ".join(f"{count} {reason}" for reason, count in outcome.reconciliation.by_reason.most_common())
    console.print(f"{outcome.reconciliation.trades} trades held against the exchange's executions: {reasons}")
    for failure in outcome.failures:
        console.print(f"[red]FAILED[/] {failure}", highlight=False)
    if not outcome.failures:
        console.print("[green]Every trade is one execution; balances and PnL agree to the last decimal.[/]")
    return 1 if outcome.failures else 0


def _with_progress(console: Console, state: Path, options: argparse.Namespace) -> Replay:
    from infra.local.machine import Machine  # noqa: PLC0415  moto takes a second: first say that something is happening

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    source = market(options.candles, options.start)
    with (
        Machine(state, source, report=lambda step: console.print(f"[dim]{step}[/]")) as machine,
        Progress(*columns, TimeRemainingColumn(), console=console) as progress,
    ):
        total = int((options.end - machine.exchange.market_time()).total_seconds() // 60)
        task = progress.add_task("replaying minutes", total=total)

        def advanced(at: datetime) -> None:
            progress.update(task, advance=1, description=f"{at:%Y-%m-%d %H:%M}")
            # Where there is no terminal to draw on, a line now and then.
            if not console.is_terminal and at.hour % PLAIN_PROGRESS_HOURS == at.minute == 0:
                console.print(f"{at:%Y-%m-%d %H:%M}: {progress.tasks[0].percentage:.0f} % of {total} minutes")

        return replay(machine, options.end, on_tick=advanced)


def _instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
