"""Months of a backtest as a table of years by months."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradebot.engine.statistics.rounding import ratio

if TYPE_CHECKING:
    from tradebot.engine.statistics.report import PeriodReport

#: Headings of the columns.
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Year")


def month_grid(months: tuple[PeriodReport, ...]) -> list[tuple[str, list[float | None]]]:
    """Return for each year its twelve returns, None where there was no candle, and the year's return after them."""
    years: dict[str, list[PeriodReport]] = {}
    for month in months:
        years.setdefault(month.period[:4], []).append(month)
    grid = []
    for year, parts in years.items():
        row: list[float | None] = [None] * 12
        for month in parts:
            row[int(month.period[5:]) - 1] = month.total_return
        start = parts[0].start_equity
        whole = ratio(parts[-1].end_equity - start, start) if start > 0 else None
        grid.append((year, [*row, whole]))
    return grid
