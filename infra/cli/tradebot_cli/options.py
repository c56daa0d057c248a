"""The options of `tradebot backtest`: a bot's configuration as the API takes it, and what a simulation needs beside it.

Defaults and ranges are the API's; where it has no default, the one of its example counts.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradebot_api.schemas.bot_configs import CONFIG_IN_EXAMPLE, BotConfigIn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class ConfigOption:
    """One field of a bot's configuration."""

    field: str
    help: str
    #: Where it differs from the field's name.
    flag: str | None = None
    kind: str = "number"

    @property
    def name(self) -> str:
        """How it is written on the command line."""
        return "--" + (self.flag or self.field).replace("_", "-")

    @property
    def default(self) -> Any:
        """Return the API's default; the timeframe is the file's own."""
        if self.field == "timeframe":
            return None
        field = BotConfigIn.model_fields[self.field]
        return CONFIG_IN_EXAMPLE[self.field] if field.is_required() else field.default


#: Fields of the API that mean nothing here, and why.
LEFT_OUT: Final = {
    "name": "a simulation has none",
    "symbol": "read from the file's name",
    "initial_capital": "--capital",
    "api_key_id": "nothing is sent to an exchange",
    "check_interval_seconds": "candles are looked at when they close",
    "transfer_amount": "there is one balance",
    "auto_transfer_funds": "there is one balance",
}
_STRATEGY: Final = (
    ConfigOption("strategy", "simple, ema or custom", kind="text"),
    ConfigOption("timeframe", "candles to trade on, joined from shorter ones (default: the file's own)", kind="text"),
    ConfigOption("position_type", "spot or futures", flag="market", kind="text"),
    ConfigOption("ema_fast", "period of the fast average", kind="whole"),
    ConfigOption("ema_slow", "period of the slow average", kind="whole"),
    ConfigOption("ema_period", "period of the one average of `simple`; none: --ema-slow", kind="whole"),
    ConfigOption("rsi_period", "period of the RSI", kind="whole"),
    ConfigOption("rsi_oversold", "shorts need an RSI above", kind="whole"),
    ConfigOption("rsi_overbought", "longs need an RSI below", kind="whole"),
)
_MONEY: Final = (
    ConfigOption("position_size_perc", "percent of the balance per entry"),
    ConfigOption("position_size_fixed", "quote per entry; with neither, 25"),
    ConfigOption("leverage", "on futures", kind="whole"),
)
_EXITS: Final = (
    ConfigOption("stop_loss_perc", "percent of the fill price"),
    ConfigOption("take_profit_perc", "percent of the fill price"),
    ConfigOption("trailing_stop_active", "trail a stop behind the best price", flag="trailing_stop", kind="switch"),
    ConfigOption("trailing_stop_perc", "its distance in percent"),
)
_DAY: Final = (
    ConfigOption("max_daily_loss_perc", "stop for the day at this loss"),
    ConfigOption("daily_target_perc", "stop for the day at this gain"),
    ConfigOption("max_daily_trades", "entries per day", kind="whole"),
)
_CUSTOM: Final = (
    ConfigOption("custom_ema_fast", "fast average", kind="whole"),
    ConfigOption("custom_ema_slow", "slow average", kind="whole"),
    ConfigOption("custom_rsi_period", "RSI period", kind="whole"),
    ConfigOption("custom_rsi_oversold", "RSI oversold", kind="whole"),
    ConfigOption("custom_rsi_overbought", "RSI overbought", kind="whole"),
    ConfigOption("custom_stop_loss", "stop loss"),
    ConfigOption("custom_take_profit", "take profit"),
    ConfigOption("custom_trailing_stop", "trailing stop"),
)
GROUPS: Final = (
    ("strategy", _STRATEGY),
    ("sizes", _MONEY),
    ("exits", _EXITS),
    ("limits of a UTC day", _DAY),
    ("strategy `custom`: settings of its own; none falls back to the plain option", _CUSTOM),
)
CONFIG_OPTIONS: Final = tuple(option for _, options in GROUPS for option in options)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare everything that `tradebot backtest` takes."""
    parser.add_argument(
        "candles",
        nargs="*",
        type=Path,
        metavar="CANDLES.csv",
        help="Binance klines, or open_time,open,high,low,close,volume; none with --remote",
    )
    for title, options in GROUPS:
        group = parser.add_argument_group(title)
        for option in options:
            _add_config_option(group, option)
    _add_market(parser.add_argument_group("market and costs"))
    _add_period(parser.add_argument_group("candles"))
    _add_output(parser.add_argument_group("output"))
    _add_remote(parser.add_argument_group("on the platform instead of this machine"))


def _add_config_option(group: argparse._ArgumentGroup, option: ConfigOption) -> None:
    if option.kind == "switch":
        group.add_argument(option.name, dest=option.field, action="store_true", help=option.help)
        return
    default = option.default
    shown = "" if default is None else f" (default {default})"
    types: dict[str, Callable[[str], Any]] = {"text": str, "whole": _whole, "number": decimal}
    group.add_argument(
        option.name,
        dest=option.field,
        type=_or_none(types[option.kind]),
        default=default,
        metavar="TEXT" if option.kind == "text" else "N" if option.kind == "whole" else "X",
        help=option.help + shown,
    )


def _add_market(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--symbol", help="as Binance writes it (default: from the file's name, BTCUSDT-1m-2023-03.csv)")
    group.add_argument(
        "--capital", type=decimal, default=Decimal(10_000), metavar="X", help="quote to start with (default 10000)"
    )
    group.add_argument(
        "--fees-bps", type=fees, metavar="MAKER/TAKER", help="basis points (default 10/10 on spot, 2/5 on futures)"
    )
    group.add_argument(
        "--slippage-bps", type=decimal, metavar="X", help="basis points of market orders and stops (default 2)"
    )
    for name, what in (
        ("tick-size", "price step"),
        ("step-size", "quantity step"),
        ("min-qty", "least quantity"),
        ("max-qty", "greatest quantity"),
        ("min-notional", "least value of an order"),
    ):
        group.add_argument(f"--{name}", type=decimal, metavar="X", help=f"{what} (default: Binance's for the symbol)")
    group.add_argument(
        "--exchange-info",
        type=Path,
        metavar="INFO.json",
        help="a saved answer of Binance's exchangeInfo, for the filters of any symbol",
    )
    group.add_argument(
        "--maintenance-perc",
        type=decimal,
        default=Decimal("0.4"),
        metavar="X",
        help="maintenance margin of the bracket (default 0.4)",
    )
    group.add_argument(
        "--maintenance-amount",
        type=decimal,
        default=Decimal(0),
        metavar="X",
        help="maintenance amount of the bracket (default 0)",
    )
    group.add_argument(
        "--notional-cap", type=decimal, metavar="X", help="greatest notional of the bracket (default: not limited)"
    )
    group.add_argument(
        "--funding",
        type=Path,
        metavar="FUNDING.csv",
        help="history of funding rates as Binance publishes it (default: 0.01 %% at 00, 08, 16 UTC)",
    )


def _add_period(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--start", type=instant, metavar="ISO", help="first candle that may trade (UTC); those before it warm up"
    )
    group.add_argument("--end", type=instant, metavar="ISO", help="candles that close later are not read")
    group.add_argument(
        "--warm-up",
        type=_whole,
        metavar="N",
        help="candles that only feed the indicators (default: what the strategy needs)",
    )
    group.add_argument(
        "--heal", action="store_true", help="sort, drop duplicates and broken lines, accept gaps; nothing is made up"
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="print the report as JSON instead of tables")
    group.add_argument("--trades", type=Path, metavar="OUT.csv", help="write every order")
    group.add_argument("--daily", type=Path, metavar="OUT.csv", help="write a row per UTC day")
    group.add_argument(
        "--plot", type=plot_path, metavar="OUT.png|OUT.html", help="draw price, equity, drawdown and months"
    )
    group.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_remote(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--remote", action="store_true", help="let the platform fetch the candles and run it")
    group.add_argument("--url", default="http://127.0.0.1:8080", help="the API (default: `make up`'s)")
    group.add_argument(
        "--email", help="log in with TRADEBOT_PASSWORD (default: TRADEBOT_EMAIL, or TRADEBOT_TOKEN as it is)"
    )


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        return None if text.lower() == _NONE else read(text)

    return convert


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(text)


def decimal(text: str) -> Decimal:
    """Return a number that is finite and not below zero."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if "_" in text or not number.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below zero")
    return number


def fees(text: str) -> tuple[Decimal, Decimal]:
    """Return maker and taker of `2/5`; one number stands for both."""
    maker, slash, taker = text.partition("/")
    return decimal(maker), decimal(taker if slash else maker)


def instant(text: str) -> datetime:
    """Return an aware time; one without a zone is in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 date or time, e.g. 2023-03-13T10:00") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def plot_path(text: str) -> Path:
    """Return a path that ends in .png or .html."""
    path = Path(text)
    if path.suffix.lower() not in {".png", ".html"}:
        raise argparse.ArgumentTypeError(f"{text!r} has to end in .png or .html")
    return path


def flag_of(field: str) -> str:
    """Return the option of a field of a bot's configuration."""
    named: Sequence[str] = [option.name for option in CONFIG_OPTIONS if option.field == field]
    return named[0] if named else {"initial_capital": "--capital"}.get(field, f"--{field.replace('_', '-')}")
