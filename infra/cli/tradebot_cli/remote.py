"""`tradebot backtest --remote`: the same options, run by the platform's API and watched from here."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from tradebot.report.numbers import duration, figure, money, percent
from tradebot_cli.errors import CommandError, ExitCode
from tradebot_cli.options import CONFIG_OPTIONS

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.5
#: Fields of a bot's configuration that a backtest's request has beside its `parameters`.
_TOP: Final = {"timeframe", "position_type", "leverage"}


class _KeepAnswer(urllib.request.HTTPRedirectHandler):
    """A link to a file is followed without the token, which is not for whoever keeps the file."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


class Api:
    """One session at the API."""

    def __init__(self, url: str, token: str | None) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise CommandError(ExitCode.USAGE, f"--url {url} is no address: give one like http://127.0.0.1:8080")
        self._url = f"{url.rstrip('/')}/v1"
        self._token = token
        self._opener = urllib.request.build_opener(_KeepAnswer)

    def log_in(self, email: str, password: str) -> None:
        """Get a token."""
        self._token = self.call("POST", "/auth/login", {"email": email, "password": password})["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer's JSON. Raises CommandError in the API's own words."""
        return json.loads(self._answer(method, path, body) or b"null")

    def download(self, path: str) -> bytes:
        """Return a file."""
        return self._answer("GET", path)

    def _answer(self, method: str, path: str, body: Any = None) -> bytes:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self._token}"} if self._token else {}
        )
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}{path}", content, headers, method=method)  # noqa: S310  http(s)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                found: bytes = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 307:
                with urllib.request.urlopen(error.headers["Location"], timeout=_SECONDS) as answer:  # noqa: S310  our API's  # nosec B310
                    linked: bytes = answer.read()
                return linked
            raise _refused(error) from None
        except OSError as error:
            raise CommandError(ExitCode.REMOTE, f"{self._url} does not answer: {error}") from None
        return found


def _refused(error: urllib.error.HTTPError) -> CommandError:
    try:
        problem = json.loads(error.read())
        lines = tuple(f"{one['field']}: {one['message']}" for one in problem.get("errors", []))
        message = str(problem.get("detail") or problem.get("message"))
    except (ValueError, KeyError, TypeError):
        lines, message = (), f"the API answered {error.code}"
    return CommandError(ExitCode.USAGE if error.code == 422 else ExitCode.REMOTE, message, lines)


def backtest_remotely(options: argparse.Namespace) -> None:
    """Start it, watch it to its end, show and write what came out. Raises CommandError."""
    request = request_of(options)
    api = Api(options.url, os.environ.get("TRADEBOT_TOKEN"))
    email = options.email or os.environ.get("TRADEBOT_EMAIL")
    if email:
        password = os.environ.get("TRADEBOT_PASSWORD")
        if password is None:
            raise CommandError(ExitCode.USAGE, "the password is read from the environment: set TRADEBOT_PASSWORD")
        api.log_in(email, password)
    started = api.call("POST", "/backtests", request)
    ended = _watched(api, started, is_quiet=options.quiet)
    if ended["status"] != "succeeded":
        raise CommandError(
            ExitCode.REMOTE, f"backtest {ended['id']} {ended['status']}", (ended["error_message"] or "",)
        )
    results = api.call("GET", f"/backtests/{ended['id']}/results")
    written = _write(api, options, ended["id"])
    if options.json:
        print(json.dumps(results, indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(results))
    for note in results["metrics"]["notes"]:
        console.print(f"Note: {note}", style="yellow", markup=False)
    for path in written:
        console.print(f"Wrote {path}", soft_wrap=True, markup=False)


def request_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the API's request for the options."""
    missing = [
        flag
        for flag, value in (("--symbol", options.symbol), ("--start", options.start), ("--end", options.end))
        if not value
    ]
    if missing:
        raise CommandError(ExitCode.USAGE, f"--remote needs {', '.join(missing)}: there is no file that says it")
    given = {one.field: _plain(getattr(options, one.field)) for one in CONFIG_OPTIONS if one.field not in _TOP}
    maker, taker = options.fees_bps or (None, None)
    body = {
        "symbol": options.symbol,
        "interval": options.timeframe or "1m",
        "start_date": options.start.isoformat(),
        "end_date": options.end.isoformat(),
        "market_type": options.position_type,
        "leverage": options.leverage,
        "initial_capital": _plain(options.capital),
        "maker_fee_bps": _plain(maker),
        "taker_fee_bps": _plain(taker),
        "slippage_bps": _plain(options.slippage_bps),
        "parameters": given,
    }
    return {name: value for name, value in body.items() if value is not None}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str) else f"{value:f}"


def _watched(api: Api, started: dict[str, Any], *, is_quiet: bool) -> dict[str, Any]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"))
    seen = started
    with Progress(*columns, console=console, transient=True, disable=is_quiet or not console.is_terminal) as progress:
        task = progress.add_task(f"Backtest {started['id']}", total=1.0, left="")
        while seen["status"] in {"pending", "running"}:
            left = seen["estimated_seconds_left"]
            progress.update(
                task, completed=seen["progress"], left="" if left is None else f"about {duration(left)} left"
            )
            time.sleep(_LOOK_SECONDS)
            seen = api.call("GET", f"/backtests/{started['id']}")
    return seen


def _write(api: Api, options: argparse.Namespace, backtest_id: int) -> list[Path]:
    wanted = ((options.trades, "trades.csv"), (options.daily, "daily.csv"), (options.plot, "report.html"))
    written = []
    for path, name in wanted:
        if path is not None:
            try:
                path.write_bytes(api.download(f"/backtests/{backtest_id}/{name}"))
            except OSError as error:
                raise CommandError(ExitCode.OUTPUT, f"cannot write {path}: {error.strerror}") from error
            written.append(path)
    return written


def _table(results: dict[str, Any]) -> Table:
    metrics = results["metrics"]
    drawdown = metrics["max_drawdown"]
    table = Table(
        title=f"Backtest {results['id']}: {escape(results['symbol'])} {results['interval']}",
        show_header=False,
        box=None,
    )
    for name, value in (
        ("Final capital", f"{money(float(results['final_capital']))} {metrics['quote_asset']}"),
        ("Total return", percent(results["total_return"], sign=True)),
        ("Buy and hold", percent(metrics["buy_and_hold_return"], sign=True)),
        ("Round trips", f"{results['total_trades']:,}"),
        ("Win rate", percent(results["win_rate"])),
        ("Fees", money(float(results["total_fees"]))),
        ("Max drawdown", "none" if drawdown is None else percent(-drawdown["depth"])),
        ("Sharpe ratio", figure(metrics["sharpe_ratio"])),
        ("Gaps in the candles", f"{metrics['gaps']:,}"),
    ):
        table.add_row(name, value)
    return table
