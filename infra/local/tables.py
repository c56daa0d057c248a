"""What the terminal shows of running bots: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Json = dict[str, Any]
#: Heading, and whether the column holds numbers.
COLUMNS = (
    ("Bot", False),
    ("Status\nlast error", False),
    ("Position", False),
    ("Price", True),
    ("PnL realised\nunrealised", True),
    ("Trades\ntoday", True),
)


def price(value: str | None) -> str:
    """Return a price with the decimals that its size asks for, `-` where there is none."""
    if value is None:
        return "-"
    number = Decimal(value)
    places = next((places for least, places in ((100, 2), (1, 4)) if number >= least), 8)
    return f"{number:,.{places}f}"


def profit(value: str | None) -> Text:
    """Return a profit in green, a loss in red."""
    number = Decimal(value or 0)
    return Text(f"{number:+,.2f}", style="green" if number > 0 else "red" if number < 0 else "dim")


def position(state: Json) -> str:
    """Return side and size, and the entry price below them."""
    if not state["in_position"]:
        return "flat"
    side = (state["position_side"] or "long").lower()
    return f"{side} {Decimal(state['current_position_size_coins']).normalize():f}\n@ {price(state['entry_price'])}"


def status(state: Json) -> Text:
    """Return the status, and the last error below it."""
    text = Text(state["status"].replace("_", " "))
    if state["last_error_message"]:
        text.append(f"\n{state['last_error_message']}", style="red")
    return text


def bots_table(bots: Iterable[tuple[Json, Json]], market_at: datetime | None, note: str) -> Table:
    """Return the table of (config, state) pairs."""
    when = f"market time {market_at:%Y-%m-%d %H:%M} UTC" if market_at else "starting"
    table = Table(title=f"TradeBot - {when}", caption=note, title_style="bold", show_lines=True, expand=True)
    for heading, is_number in COLUMNS:
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=is_number)
    for config, state in bots:
        what = f"[dim]{config['symbol']}\n{config['position_type']} {config['strategy']}[/]"
        table.add_row(
            Text.from_markup(f"{escape(config['name'])}\n{what}"),
            status(state),
            position(state),
            price(state["last_price"]),
            Text("\n").join([profit(state["realized_pnl"]), profit(state["unrealized_pnl"])]),
            str(state["daily_trades_count"]),
        )
    return table


def trade_line(trade: Json, name: str) -> str:
    """Return one executed order as a line."""
    gained = trade["realized_pnl"]
    result = f"  PnL {Decimal(gained):+.2f}" if gained is not None else ""
    reason = f"  {trade['reason']}" if trade["reason"] else ""
    quantity = Decimal(trade["quantity_filled"]).normalize()
    what = f"{trade['side']} {quantity:f} {trade['symbol']} @ {price(trade['price'])}"
    return f"{trade['timestamp'][:19]}  {name}: {what}{reason}{result}"
