"""The picture as a PNG, drawn by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl

mpl.use("Agg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from tradebot.report.axis import time_ticks
from tradebot.report.months import MONTHS, month_grid
from tradebot.report.numbers import headline, percent, period

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from tradebot.report.picture import Mark, Picture
    from tradebot.report.result import Result

INK: Final = "#1f2933"
FAINT: Final = "#7b8794"
GRID: Final = "#e4e7eb"
PRICE: Final = "#52606d"
EQUITY: Final = "#2563eb"
GAIN: Final = "#0f9d58"
LOSS: Final = "#d93025"
STOP: Final = "#e08a00"
#: All but the table of months.
_CHART_INCHES: Final = 10.6
SHORT: Final = "#7c3aed"
#: Above this, marks would hide the price: they stand below it, a lane for each kind.
_MOST_MARKS: Final = 800
#: Height of a lane as a part of the panel.
_LANE: Final = 0.04


def write_chart(path: Path, picture: Picture, result: Result) -> None:
    """Draw price with executions and stops, equity, drawdown and the table of months."""
    grid = month_grid(result.report.months)
    table_inches = 0.34 * (len(grid) + 1)
    height = _CHART_INCHES + table_inches
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.labelcolor": FAINT}):
        figure = plt.figure(figsize=(14, height), dpi=110, facecolor="white")
        axes = figure.subplots(4, 1, gridspec_kw={"height_ratios": [4.6, 2.4, 1.5, table_inches], "hspace": 0.24})
        figure.subplots_adjust(left=0.075, right=0.975, top=1 - 1.15 / height, bottom=0.2 / height)
        figure.text(0.075, 1 - 0.42 / height, headline(result), fontsize=15, fontweight="bold")
        figure.text(0.075, 1 - 0.68 / height, f"{period(result)}.  {_summary(result)}", color=FAINT, fontsize=9.5)
        _price(axes[0], picture)
        _equity(axes[1], picture)
        _drawdown(axes[2], picture)
        for axis in axes[:3]:
            _dress(axis, picture)
        _months(axes[3], grid)
        figure.savefig(path)
        plt.close(figure)


def _summary(result: Result) -> str:
    report = result.report
    depth = percent(-report.max_drawdown.depth) if report.max_drawdown else "none"
    held = percent(report.buy_and_hold_return, sign=True)
    return (
        f"Return {percent(report.total_return, sign=True)} (buy and hold {held}), "
        f"max drawdown {depth}, {report.total_trades:,} round trips, win rate {percent(report.win_rate)}"
    )


def _price(axis: Axes, picture: Picture) -> None:
    price = picture.price
    axis.fill_between(price.at_ms, price.low, price.high, color=PRICE, alpha=0.22, linewidth=0)
    axis.plot(price.at_ms, price.last, color=PRICE, linewidth=0.9, label="price")
    for number, line in enumerate(picture.stops):
        label = "stop" if number == 0 else None
        axis.step(line.at_ms, line.level, where="post", color=STOP, linewidth=0.9, alpha=0.9, label=label)
    groups: tuple[tuple[str, str, str, list[Mark]], ...] = (
        ("long entry", "^", EQUITY, [mark for mark in picture.marks if mark.is_entry and mark.is_long]),
        ("short entry", "v", SHORT, [mark for mark in picture.marks if mark.is_entry and not mark.is_long]),
        ("exit with a gain", "o", GAIN, [mark for mark in picture.marks if (mark.realized_pnl or 0) > 0]),
        ("exit with a loss", "X", LOSS, [m for m in picture.marks if not m.is_entry and (m.realized_pnl or 0) <= 0]),
    )
    shown = [group for group in groups if group[3]]
    if len(picture.marks) > _MOST_MARKS:
        _lanes(axis, shown)
    else:
        for label, shape, colour, marks in shown:
            axis.scatter(
                [mark.at_ms for mark in marks],
                [mark.price for mark in marks],
                marker=shape,
                s=34,
                color=colour,
                linewidths=0,
                zorder=3,
                label=f"{label} ({len(marks):,})",
            )
    axis.set_title("Price", loc="left", fontsize=10, fontweight="bold")
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=6, frameon=False, fontsize=8.5, handletextpad=0.4)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _lanes(axis: Axes, groups: list[tuple[str, str, str, list[Mark]]]) -> None:
    """Draw the times of each kind as strokes in a row below the price, which so many marks would hide."""
    low, high = axis.get_ylim()
    axis.set_ylim(bottom=low - (high - low) * _LANE * len(groups))
    for lane, (label, _, colour, marks) in enumerate(groups):
        axis.vlines(
            [mark.at_ms for mark in marks],
            0.01 + lane * _LANE * 0.9,
            0.01 + (lane + 0.75) * _LANE * 0.9,
            transform=axis.get_xaxis_transform(),
            color=colour,
            alpha=0.55,
            linewidth=0.7,
            label=f"{label} ({len(marks):,})",
        )


def _equity(axis: Axes, picture: Picture) -> None:
    equity = picture.equity
    axis.plot(equity.at_ms, picture.buy_and_hold, color=FAINT, linewidth=0.8, alpha=0.8, label="buy and hold")
    axis.fill_between(equity.at_ms, equity.low, equity.high, color=EQUITY, alpha=0.25, linewidth=0)
    axis.plot(equity.at_ms, equity.last, color=EQUITY, linewidth=1.2, label="equity")
    axis.set_title("Equity", loc="left", fontsize=10, fontweight="bold")
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8.5)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _drawdown(axis: Axes, picture: Picture) -> None:
    axis.fill_between(picture.drawdown.at_ms, picture.drawdown.low, 0, color=LOSS, alpha=0.3, linewidth=0)
    axis.plot(picture.drawdown.at_ms, picture.drawdown.low, color=LOSS, linewidth=0.8)
    axis.set_ylim(top=0)
    axis.set_title("Drawdown", loc="left", fontsize=10, fontweight="bold")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.3g} %"))


def _dress(axis: Axes, picture: Picture) -> None:
    times = picture.price.at_ms
    ticks = time_ticks(times[0], times[-1], most=12)
    axis.set_xlim(times[0], max(times[-1], times[0] + 1))
    axis.set_xticks([at for at, _ in ticks], [label for _, label in ticks])
    axis.grid(visible=True, color=GRID, linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(colors=FAINT, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _months(axis: Axes, grid: list[tuple[str, list[float | None]]]) -> None:
    axis.axis("off")
    axis.set_title("Months", loc="left", fontsize=10, fontweight="bold")
    texts = [["" if value is None else percent(value, sign=True) for value in row] for _, row in grid]
    strongest = max((abs(value) for _, row in grid for value in row if value is not None), default=0.0)
    colours: list[list[Any]] = [[_shade(value, strongest) for value in row] for _, row in grid]
    table = axis.table(
        cellText=texts,
        cellColours=colours,
        rowLabels=[year for year, _ in grid],
        colLabels=MONTHS,
        cellLoc="center",
        bbox=Bbox.from_bounds(0, 0, 1, 1),
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    for cell in table.get_celld().values():
        cell.set_edgecolor("white")
        cell.set_linewidth(2)


def _shade(value: float | None, strongest: float) -> Any:
    if value is None or not strongest:
        return "#f5f7fa"
    weight = 0.08 + 0.42 * abs(value) / strongest
    base = np.array([15, 157, 88] if value > 0 else [217, 48, 37]) / 255
    return tuple(1 - weight * (1 - base))
