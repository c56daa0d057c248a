"""The picture as one HTML page with everything in it: no script, no address outside it, light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from tradebot.engine.candles import from_ms
from tradebot.report.distribution import distribution_of
from tradebot.report.html_style import STYLE
from tradebot.report.months import MONTHS, month_grid
from tradebot.report.numbers import duration, figure, headline, money, percent, period, price, words
from tradebot.report.svg import Chart, bars, shape_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tradebot.report.picture import Mark, Picture
    from tradebot.report.result import Result

#: Above this, marks would hide the price: they stand below it, a lane for each kind.
_MOST_TITLED_MARKS: Final = 800
#: Height of a lane as a part of the price's range.
_LANE: Final = 0.04
#: Orders in the page's table; the CSV has all.
_LISTED_TRADES: Final = 200
_MARGIN: Final = 0.04


def page(picture: Picture, result: Result) -> str:
    """Return the page."""
    title = escape(headline(result))
    body = (
        f"<header><h1>{title}</h1><p>{escape(period(result))}</p></header>",
        _tiles(result),
        _section("Price", _price(picture), _legend(picture)),
        _section("Equity", _equity(picture), _key(("line equity", "equity"), ("line faint", "buy and hold"))),
        _section("Drawdown", _drawdown(picture)),
        _section("Months", _months(result)),
        _distribution(result),
        f'<div class="columns">{_section("Figures", _figures(result))}{_section("Exits", _exits(result))}</div>',
        _trades(result),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _section(title: str, content: str, key: str = "") -> str:
    return f'<section><div class="head"><h2>{title}</h2>{key}</div>{content}</section>'


def _tone(value: float | None) -> str:
    return "" if not value else "gain" if value > 0 else "loss"


def _tiles(result: Result) -> str:
    report, quote = result.report, result.setup.rules.quote_asset
    gained = float(report.final_capital - report.initial_capital)
    depth = -report.max_drawdown.depth if report.max_drawdown else None
    tiles = (
        (
            "Total return",
            percent(report.total_return, sign=True),
            report.total_return,
            f"{money(gained, sign=True)} {quote}",
        ),
        ("Final capital", money(report.final_capital), None, f"of {money(report.initial_capital)} {quote}"),
        ("Buy and hold", percent(report.buy_and_hold_return, sign=True), None, "without a bot"),
        ("Max drawdown", percent(depth), None, _lasted(result)),
        ("Sharpe ratio", figure(report.sharpe_ratio), None, f"Sortino {figure(report.sortino_ratio)}"),
        ("Win rate", percent(report.win_rate), None, f"{report.total_trades:,} round trips"),
    )
    made = (
        f'<div class="tile"><span>{name}</span><b class="{_tone(value)}">{text}</b><small>{escape(below)}</small></div>'
        for name, text, value, below in tiles
    )
    return f'<div class="tiles">{"".join(made)}</div>'


def _lasted(result: Result) -> str:
    drawdown = result.report.max_drawdown
    if drawdown is None:
        return "no close below a peak"
    return f"{duration(drawdown.duration_seconds)}{'' if drawdown.recovered_at else ', not recovered'}"


def _range(values: Iterable[Sequence[float]]) -> tuple[float, float]:
    columns = [column for column in values if column]
    low, high = min(map(min, columns)), max(map(max, columns))
    margin = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    return low - margin, high + margin


def _chart(picture: Picture, low: float, high: float, height: int, label: str) -> Chart:
    return Chart(picture.price.at_ms[0], picture.price.at_ms[-1], low, high, height, label)


def _price(picture: Picture) -> str:
    band = picture.price
    low, high = _range([band.low, band.high, *(line.level for line in picture.stops)])
    is_crowded = len(picture.marks) > _MOST_TITLED_MARKS
    groups = [group for group in _groups(picture) if group[3]]
    if is_crowded:
        low -= (high - low) * _LANE * (len(groups) + 0.5)
    chart = _chart(picture, low, high, 420, "Price with entries, exits and stops")
    chart.axes(lambda value: f"{value:,.10g}")
    chart.area(band.at_ms, band.low, band.high, "price")
    chart.line(band.at_ms, band.last, "price")
    for line in picture.stops:
        chart.steps(line.at_ms, line.level, "stop")
    for lane, (_, shape, style, marks) in enumerate(groups):
        if is_crowded:
            chart.lane(lane, [mark.at_ms for mark in marks], style)
            continue
        for mark in marks:
            chart.mark(shape, mark.at_ms, mark.price, style, _title(mark))
    return chart.render()


def _groups(picture: Picture) -> tuple[tuple[str, str, str, list[Mark]], ...]:
    """Return name, shape, style and members of each kind of execution; shapes tell them apart without colours."""
    entries = [mark for mark in picture.marks if mark.is_entry]
    exits = [mark for mark in picture.marks if not mark.is_entry]
    return (
        ("long entry", "up", "long", [mark for mark in entries if mark.is_long]),
        ("short entry", "down", "short", [mark for mark in entries if not mark.is_long]),
        ("exit with a gain", "dot", "gain", [mark for mark in exits if (mark.realized_pnl or 0) > 0]),
        ("exit with a loss", "cross", "loss", [mark for mark in exits if (mark.realized_pnl or 0) <= 0]),
    )


def _title(mark: Mark) -> str:
    side = "long" if mark.is_long else "short"
    result = "" if mark.realized_pnl is None else f", {money(mark.realized_pnl, sign=True)}"
    what = f"Enter {side}" if mark.is_entry else f"Exit {side}, {words(mark.reason)}"
    return f"{what} at {price(mark.price)}{result}\n{from_ms(mark.at_ms):%Y-%m-%d %H:%M} UTC"


def _legend(picture: Picture) -> str:
    items = [("line price", "price")]
    if picture.stops:
        items.append(("line stop", "stop"))
    items += [
        (f"{shape} {style}", f"{name} ({len(marks):,})") for name, shape, style, marks in _groups(picture) if marks
    ]
    return _key(*items)


def _key(*items: tuple[str, str]) -> str:
    """Return a legend of (what the sample looks like, its name)."""
    return f'<div class="key">{"".join(f"<span>{_sample(look)}{name}</span>" for look, name in items)}</div>'


def _sample(look: str) -> str:
    shape, _, style = look.partition(" ")
    if shape == "line":
        inside = f'<line class="line {style}" x1="0" x2="18" y1="7" y2="7"/>'
    else:
        inside = f'<path class="mark {style}" d="{shape_path(shape, 9, 7, 5)}"/>'
    return f'<svg class="sample" viewBox="0 0 18 14" aria-hidden="true">{inside}</svg>'


def _equity(picture: Picture) -> str:
    band = picture.equity
    low, high = _range([band.low, band.high, picture.buy_and_hold])
    chart = _chart(picture, low, high, 240, "Equity, and the capital bought and held")
    chart.axes(lambda value: f"{value:,.10g}")
    chart.line(band.at_ms, picture.buy_and_hold, "faint")
    chart.area(band.at_ms, band.low, band.high, "equity")
    chart.line(band.at_ms, band.last, "equity")
    return chart.render()


def _drawdown(picture: Picture) -> str:
    band = picture.drawdown
    chart = _chart(picture, min([*band.low, -1e-4]) * (1 + _MARGIN), 0.0, 150, "Drawdown")
    chart.axes(lambda value: f"{value * 100:.3g} %")
    chart.area(band.at_ms, band.low, [0.0] * len(band.low), "loss")
    chart.line(band.at_ms, band.low, "loss")
    return chart.render()


def _months(result: Result) -> str:
    grid = month_grid(result.report.months)
    strongest = max((abs(value) for _, row in grid for value in row if value is not None), default=0.0)
    head = "".join(f"<th>{name}</th>" for name in MONTHS)
    rows = "".join(
        f"<tr><th>{year}</th>{''.join(_month(value, strongest) for value in row)}</tr>" for year, row in grid
    )
    table = f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table class="months">{table}</table></div>'


def _month(value: float | None, strongest: float) -> str:
    if value is None:
        return "<td></td>"
    weight = round(10 + 45 * abs(value) / strongest) if strongest else 0
    return f'<td class="{_tone(value)}" style="--weight:{weight}%">{percent(value, sign=True)}</td>'


def _distribution(result: Result) -> str:
    spread = distribution_of(result)
    if spread is None:
        return ""
    quote = escape(result.setup.rules.quote_asset)
    drawn = bars(spread.bounds, spread.counts, 190, "Round trips by realised result")
    return _section(f"Round trips by realised result ({quote})", drawn)


def _figures(result: Result) -> str:
    report = result.report
    held = report.open_position
    rows = (
        ("Realised", money(report.realized_pnl, sign=True)),
        ("Still open", "nothing" if held is None else money(held.unrealized_pnl, sign=True)),
        ("Fees", money(report.total_fees)),
        ("Funding", money(report.total_funding, sign=True)),
        ("Mean profit of a round trip", money(report.avg_profit, sign=True)),
        ("Best / worst", f"{money(report.best_trade, sign=True)} / {money(report.worst_trade, sign=True)}"),
        ("Profit factor", figure(report.profit_factor)),
        ("Expectancy / mean loss", figure(report.expectancy_per_loss)),
        ("CAGR", percent(report.cagr)),
        ("Calmar ratio", figure(report.calmar_ratio)),
        ("Longest drawdown", duration(report.longest_drawdown.duration_seconds) if report.longest_drawdown else "none"),
        ("Exposure", percent(report.exposure)),
        ("Mean holding time", duration(report.avg_holding_seconds)),
        ("Entry signals / entries", f"{report.entry_signals:,} / {report.entries:,}"),
        ("Gaps in the candles", f"{report.gaps:,}"),
    )
    return _rows(rows)


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><tbody>{cells}</tbody></table>"


def _exits(result: Result) -> str:
    report = result.report
    rows = [
        f'<tr><td>{words(reason)}</td><td>{total.count:,}</td><td class="{_tone(float(total.realized_pnl))}">'
        f"{money(total.realized_pnl, sign=True)}</td></tr>"
        for reason, total in report.exits_by_reason.items()
    ]
    head = "<thead><tr><th>Reason</th><th>Count</th><th>Realised</th></tr></thead>"
    table = f"<table>{head}<tbody>{''.join(rows)}</tbody></table>" if rows else "<p>none</p>"
    if not report.skipped_entries:
        return table
    skipped = _rows((words(reason), f"{count:,}") for reason, count in report.skipped_entries.items())
    return f"{table}<h3>Entries skipped</h3>{skipped}"


def _trades(result: Result) -> str:
    trades = result.output.trades
    shown = trades[-_LISTED_TRADES:]
    rows = "".join(
        f"<tr><td>{from_ms(trade.at_ms):%Y-%m-%d %H:%M}</td><td>{trade.side.value.lower()} "
        f"{trade.position_side.value.lower()}</td><td>{words(trade.reason)}</td><td>{trade.quantity.normalize():f}</td>"
        f'<td>{price(trade.price)}</td><td>{money(trade.fee)}</td><td class="{_tone(float(trade.realized_pnl or 0))}">'
        f"{'' if trade.realized_pnl is None else money(trade.realized_pnl, sign=True)}</td></tr>"
        for trade in shown
    )
    names = ("Time (UTC)", "Order", "Reason", "Quantity", "Price", "Fee", "Realised")
    head = "".join(f"<th>{name}</th>" for name in names)
    count = f"the last {len(shown):,} of {len(trades):,}" if len(shown) < len(trades) else f"{len(trades):,}"
    table = f'<table class="orders"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<section><details><summary>Orders ({count})</summary><div class="scroll">{table}</div></details></section>'
