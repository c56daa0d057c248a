"""The report as tables for a terminal of eighty columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tradebot.report.numbers import duration, figure, headline, money, percent, period, price, words

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from rich.console import Console

    from tradebot.engine.statistics.report import DrawdownReport, PeriodReport
    from tradebot.report.result import Result

#: Months of one table; a longer run shows years.
_MOST_MONTHS: Final = 24
_WIDTH: Final = 78


def show(console: Console, result: Result, notes: Iterable[str]) -> None:
    """Print everything that a person wants to know first."""
    console.print()
    console.print(f"[bold]{escape(headline(result))}[/]  [dim]{period(result)}[/]")
    console.print()
    grid = Table.grid(padding=(0, 4), expand=False)
    grid.add_row(_result(result), _risk(result))
    grid.add_row("", "")
    grid.add_row(_trades(result), _exits(result))
    console.print(grid)
    if result.report.open_position is not None:
        console.print()
        console.print(_open_position(result))
    if result.report.skipped_entries:
        skipped = ", ".join(f"{words(reason)} {count:,}" for reason, count in result.report.skipped_entries.items())
        console.print(f"\nEntries skipped: {skipped}")
    if len(result.report.months) > 1:
        console.print()
        console.print(_months(result.report.months))
    for note in notes:
        console.print(Text(f"\nNote: {note}", style="yellow"), width=_WIDTH)
    console.print()


def _pairs(title: str, rows: Iterable[tuple[str, str | Text]]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold cyan", show_header=False, box=None, padding=(0, 1)
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for name, value in rows:
        table.add_row(name, value)
    return table


def _coloured(text: str, value: Decimal | float | None) -> Text:
    return Text(text, style="" if not value else "green" if value > 0 else "red")


def _result(result: Result) -> Table:
    report, quote = result.report, result.setup.rules.quote_asset
    gained = report.final_capital - report.initial_capital
    return _pairs(
        "Result",
        (
            (f"Initial capital ({quote})", money(report.initial_capital)),
            ("Final capital", money(report.final_capital)),
            ("Gain", _coloured(money(gained, sign=True), gained)),
            ("Total return", _coloured(percent(report.total_return, sign=True), report.total_return)),
            ("Buy and hold", percent(report.buy_and_hold_return, sign=True)),
            ("Realised", money(report.realized_pnl, sign=True)),
            ("Fees", money(report.total_fees)),
            ("Funding", money(report.total_funding, sign=True)),
        ),
    )


def _risk(result: Result) -> Table:
    report = result.report
    return _pairs(
        "Risk",
        (
            ("Max drawdown", _depth(report.max_drawdown)),
            ("  lasted", _lasted(report.max_drawdown)),
            ("Longest", _lasted(report.longest_drawdown)),
            ("Sharpe ratio", figure(report.sharpe_ratio)),
            ("Sortino ratio", figure(report.sortino_ratio)),
            ("CAGR", percent(report.cagr)),
            ("Calmar ratio", figure(report.calmar_ratio)),
            ("Exposure", percent(report.exposure)),
        ),
    )


def _depth(drawdown: DrawdownReport | None) -> str:
    return "none" if drawdown is None else percent(-drawdown.depth)


def _lasted(drawdown: DrawdownReport | None) -> str:
    if drawdown is None:
        return "none"
    return duration(drawdown.duration_seconds) + ("" if drawdown.recovered_at else ", open")


def _trades(result: Result) -> Table:
    report = result.report
    return _pairs(
        "Round trips",
        (
            ("Count", f"{report.total_trades:,}"),
            ("Won", f"{report.winning_trades:,}"),
            ("Lost", f"{report.losing_trades:,}"),
            ("Win rate", percent(report.win_rate)),
            ("Mean profit", money(report.avg_profit, sign=True)),
            ("Profit factor", figure(report.profit_factor)),
            ("Expectancy / loss", figure(report.expectancy_per_loss)),
            ("Best", money(report.best_trade, sign=True)),
            ("Worst", money(report.worst_trade, sign=True)),
            ("Mean time held", duration(report.avg_holding_seconds)),
            ("Entry signals", f"{report.entry_signals:,}"),
            ("Gaps in the candles", f"{report.gaps:,}"),
        ),
    )


def _exits(result: Result) -> Table:
    table = Table(
        title="Exits", title_justify="left", title_style="bold cyan", box=None, header_style="dim", padding=(0, 1)
    )
    table.add_column("Reason", no_wrap=True)
    table.add_column("Count", justify="right", no_wrap=True)
    table.add_column("Realised", justify="right", no_wrap=True)
    for reason, total in result.report.exits_by_reason.items():
        realized = total.realized_pnl
        table.add_row(words(reason), f"{total.count:,}", _coloured(money(realized, sign=True), realized))
    if not table.row_count:
        table.add_row("none", "", "")
    return table


def _open_position(result: Result) -> str:
    held = result.report.open_position
    assert held is not None
    quantity = f"{held.quantity.normalize():f} {result.setup.rules.base_asset}"
    return (
        f"Still open: {held.side.value.lower()} {quantity} since {held.opened_at:%Y-%m-%d %H:%M} at "
        f"{price(held.entry_price)}, marked at {price(held.last_price)}: {money(held.unrealized_pnl, sign=True)}"
    )


def _months(months: tuple[PeriodReport, ...]) -> Table:
    table = Table(
        title="Months", title_justify="left", title_style="bold cyan", box=None, header_style="dim", padding=(0, 1)
    )
    for heading in ("Month", "Return", "Equity", "Realised", "Fees", "Trips", "Won"):
        table.add_column(heading, justify="left" if heading == "Month" else "right", no_wrap=True)
    for month in months[-_MOST_MONTHS:]:
        table.add_row(
            month.period,
            _coloured(percent(month.total_return, sign=True), month.total_return),
            money(month.end_equity),
            _coloured(money(month.realized_pnl, sign=True), month.realized_pnl),
            money(month.fees),
            f"{month.round_trips:,}",
            f"{month.wins:,}",
        )
    if len(months) > _MOST_MONTHS:
        table.caption = f"The last {_MOST_MONTHS} of {len(months)}; --daily writes every day."
    return table
