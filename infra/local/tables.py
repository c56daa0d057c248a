"""What the terminal shows of running bots: a live table, or plain lines where there is no terminal."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

Json = dict[str, Any]
COLUMNS = (
    "Bot",
    "Market",
    "Strategy",
    "Status",
    "Position",
    "Price",
    "Realised",
    "Unrealised",
    "Trades today",
    "Last error",
)


def amount(value: str | None, places: int = 2) -> str:
    """Return a decimal string rounded for the eye, `-` where there is none."""
    return "-" if value is None else f"{Decimal(value):,.{places}f}"


def profit(value: str | None) -> Text:
    """Return a profit in green, a loss in red."""
    number = Decimal(value or 0)
    return Text(f"{number:+,.2f}", style="green" if number > 0 else "red" if number < 0 else "dim")


def position(state: Json) -> str:
    """Return side, size and entry price in words."""
    if not state["in_position"]:
        return "flat"
    size = Decimal(state["current_position_size_coins"] or 0)
    side = state.get("position_side") or ("short" if size < 0 else "long")
    return f"{side} {abs(size).normalize():f} @ {amount(state['entry_price'])}"


def bots_table(bots: Iterable[tuple[Json, Json]], market_at: datetime | None, note: str) -> Table:
    """Return the table of (config, state) pairs."""
    when = f"market time {market_at:%Y-%m-%d %H:%M} UTC" if market_at else "starting"
    table = Table(title=f"TradeBot - {when}", caption=note, expand=True, title_style="bold")
    for column in COLUMNS:
        table.add_column(column, overflow="fold", justify="right" if column in COLUMNS[5:9] else "left")
    for config, state in bots:
        table.add_row(
            config["name"],
            f"{config['symbol']} {config['position_type']}",
            config["strategy"],
            state["status"],
            position(state),
            amount(state.get("last_price")),
            profit(state.get("realized_pnl")),
            profit(state.get("unrealized_pnl")),
            str(state["daily_trades_count"]),
            Text(state["last_error_message"] or "", style="red"),
        )
    return table


def trade_line(trade: Json, name: str) -> str:
    """Return one executed order as a line."""
    gained = trade.get("realized_pnl")
    result = f"  PnL {Decimal(gained):+.2f}" if gained is not None else ""
    reason = f"  {trade['reason']}" if trade.get("reason") else ""
    quantity = Decimal(trade["quantity_filled"]).normalize()
    what = f"{trade['side']} {quantity:f} {trade['symbol']} @ {amount(trade['price'])}"
    return f"{trade['timestamp'][:19]}  {name}: {what}{reason}{result}"
