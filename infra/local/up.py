"""`make up`: start everything, seed the demo, tick, and show the bots until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live

from infra.local import demo
from infra.local.api_client import ApiClient
from infra.local.exchange.market.csv_file import symbol_of
from infra.local.state import LocalError, Market, state_root
from infra.local.tables import bots_table, trade_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.machine import Machine

Json = dict[str, Any]
API_PORT = 8080
SECONDS_PER_MARKET_MINUTE = 1.0
#: The API is asked no more often than this, however fast the market runs: its gateway throttles, as AWS's does.
SECONDS_PER_LOOK = 0.25
#: Without a terminal a table cannot redraw itself: the state of the bots is printed this often instead.
PLAIN_TABLE_EVERY = timedelta(minutes=30)


class Stopped(BaseException):  # not an Exception: nothing on the way may take it for an error and go on
    """The user ended the run (Ctrl-C, or a polite kill) while it started."""


class StopSwitch:
    """Ctrl-C and a polite kill: they interrupt the start at once, and a running market after the tick under way."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._is_running = False
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        asked_before = self._asked.is_set()
        self._asked.set()  # a second Ctrl-C must not cut the clean-up short
        if not self._is_running and not asked_before:
            raise Stopped

    @contextlib.contextmanager
    def running(self) -> Iterator[threading.Event]:
        """Let a signal only set the event from here on."""
        self._is_running = True
        yield self._asked


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line of `make up`."""
    parser = argparse.ArgumentParser(prog="make up", description=__doc__)
    parser.add_argument("--candles", type=Path, help="CSV of Binance klines to replay")
    parser.add_argument("--market", choices=["generator", "live"], default="generator")
    parser.add_argument("--live-url", help="base URL of the live market's public data, instead of Binance's own")
    parser.add_argument("--seed", type=int, default=7, help="seed of the generated market")
    parser.add_argument("--start", type=datetime.fromisoformat, help="where in the CSV trading starts (UTC)")
    parser.add_argument("--port", type=int, help=f"port of the API (default {API_PORT}, or a free one)")
    parser.add_argument("--pace", type=float, default=SECONDS_PER_MARKET_MINUTE, help="seconds per market minute")
    parser.add_argument("--minutes", type=int, help="end by itself after so many market minutes")
    return parser.parse_args(arguments)


def chosen_market(options: argparse.Namespace) -> Market:
    """Return the market that the options name. Raises LocalError where the file is not there."""
    if options.candles is None:
        return Market(kind=options.market, seed=options.seed, live_url=options.live_url)
    if not options.candles.is_file():
        raise LocalError(f"there is no file {options.candles}: CANDLES names a CSV of Binance klines")
    if symbol_of(options.candles) is None:
        raise LocalError(f"which symbol is {options.candles.name}? Name the file after it, like BTCUSDT-2023.csv")
    start = options.start.replace(tzinfo=options.start.tzinfo or UTC) if options.start else None
    return Market(kind="csv", candles=options.candles, start=start)


def is_free(port: int) -> bool:
    """Tell whether nothing listens on this machine's `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


class Watch:
    """Shows the demo's bots: a table that redraws itself on a terminal, lines elsewhere."""

    def __init__(self, console: Console, api: ApiClient, configs: list[Json], note: str) -> None:
        self._console = console
        self._api = api
        self._configs = {config["id"]: config for config in configs}
        self._note = note
        self._looked_at = 0.0
        self._table_due_at = datetime.min.replace(tzinfo=UTC)
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._seen_trades = {trade["id"] for trade in self._api.call("GET", "/trades", query={"limit": 100})["items"]}

    @contextlib.contextmanager
    def showing(self) -> Iterator[None]:
        """Keep the table on the screen."""
        with self._live or contextlib.nullcontext():
            yield

    def update(self, at: datetime) -> None:
        """Show the state at market time `at`, and every trade that came since the last time."""
        if time.monotonic() - self._looked_at < SECONDS_PER_LOOK:
            return
        self._looked_at = time.monotonic()
        trades = self._api.call("GET", "/trades", query={"limit": 100})["items"]
        for trade in reversed(trades):
            if trade["id"] not in self._seen_trades and trade["bot_config_id"] in self._configs:
                self._seen_trades.add(trade["id"])
                self._console.print(trade_line(trade, self._configs[trade["bot_config_id"]]["name"]), highlight=False)
        if self._live is None and at < self._table_due_at:
            return
        self._table_due_at = at + PLAIN_TABLE_EVERY
        states = {state["id"]: state for state in self._api.listed("/bot-states")}
        table = bots_table([(config, states[key]) for key, config in self._configs.items()], at, self._note)
        if self._live is None:
            self._console.print(table)
        else:
            self._live.update(table, refresh=True)


def seed(machine: Machine, api: ApiClient) -> list[Json]:
    """Make the demo's user, account, key and bots where they are not there yet; start bots that were never started."""
    key = demo.DEMO_KEY
    machine.exchange.open_account(key.api_key, key.secret_key, demo.DEMO_FUNDS)
    api.register_or_log_in(machine.cloud.state_directory)
    row = api.checked_api_key(demo.KEY_LABEL, key.api_key, key.secret_key)
    configs = demo.create_missing_bots(api, row["id"], demo.bots_for(machine.market))
    states = {state["id"]: state for state in api.listed("/bot-states")}
    for config in configs:
        # A bot that its user stopped stays stopped.
        if states[config["id"]].get("started_at") is None:
            api.call("POST", f"/bot-runner/{config['id']}/start")
    return configs


def run(options: argparse.Namespace, console: Console, switch: StopSwitch) -> None:
    """Start, seed, tick until the user stops it or the market's candles end."""
    from infra.local.machine import Machine  # noqa: PLC0415  moto takes a second: first say that something is happening

    market = chosen_market(options)
    began = time.monotonic()
    state = state_root() / market.state_name

    def report(step: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {step}")

    if options.port and not is_free(options.port):
        raise LocalError(f"port {options.port} is taken by another program: choose another with PORT=, or none at all")
    port = options.port or (API_PORT if is_free(API_PORT) else 0)
    with Machine(state, market, api_port=port, report=report) as machine:
        report("Seeding the demo user, its exchange key and three bots")
        with ApiClient(machine.cloud.api_url, demo.EMAIL, demo.PASSWORD) as api:
            configs = seed(machine, api)
            report("Ready\n")
            console.print(f"  API         {machine.cloud.api_url}/v1")
            console.print(f"  Docs page   {machine.cloud.api_url}/v1/docs")
            console.print(f"  Demo login  {demo.EMAIL}  /  {demo.PASSWORD}")
            console.print(
                "  Mail        make mail   (an account counts once its address is confirmed)", highlight=False
            )
            console.print(f"  Logs        make logs     State  {state}   (make reset forgets it)\n", highlight=False)
            note = "Ctrl-C stops everything; the next `make up` goes on from here"
            watch = Watch(console, api, configs, note)
            until = None
            if options.minutes:
                until = machine.exchange.market_time() + timedelta(minutes=options.minutes)
            with switch.running() as stop, watch.showing():
                machine.run(until=until, pace_seconds=options.pace, on_tick=watch.update, stop=stop)
                if until is None and not stop.is_set():
                    console.print("The candles have ended. The API stays up until Ctrl-C.")
                    stop.wait()
            console.print("Stopping ...")


def main() -> int:
    """Run `make up`; return its exit code."""
    console = Console()

    try:
        run(parse_arguments(), console, StopSwitch())
    except Stopped:
        pass
    except LocalError as error:
        console.print(f"[red]Cannot go on:[/] {error}", highlight=False)
        return 1
    console.print("Stopped; no process is left. `make up` goes on from here, `make reset` starts over.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
