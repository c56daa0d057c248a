"""Trades, days and months as CSV: exact decimals, ISO times in UTC, one header line."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.money import canonical
from tradebot.engine.candles import from_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradebot.engine.statistics.report import PeriodReport
    from tradebot.report.result import Result

TRADE_COLUMNS: Final = (
    "number",
    "at",
    "side",
    "position_side",
    "leg",
    "reason",
    "order_type",
    "quantity",
    "price",
    "quote",
    "fee",
    "commission",
    "commission_asset",
    "funding",
    "realized_pnl",
)
#: After the name of the period: `day` or `month`.
PERIOD_COLUMNS: Final = (
    "start_equity",
    "end_equity",
    "total_return",
    "realized_pnl",
    "fees",
    "entries",
    "round_trips",
    "wins",
)


def trades_csv(result: Result) -> str:
    """Return every executed order; entry and exit of a round trip share a number. Money in quote, quantity in base."""
    return _csv(TRADE_COLUMNS, _trade_rows(result))


def days_csv(result: Result) -> str:
    """Return a row per UTC day with candles."""
    return _csv(("day", *PERIOD_COLUMNS), _period_rows(result.report.days))


def months_csv(result: Result) -> str:
    """Return a row per calendar month with candles."""
    return _csv(("month", *PERIOD_COLUMNS), _period_rows(result.report.months))


def _period_rows(periods: Iterable[PeriodReport]) -> Iterable[tuple[Any, ...]]:
    for one in periods:
        yield (
            one.period,
            canonical(one.start_equity),
            canonical(one.end_equity),
            "" if one.total_return is None else one.total_return,
            canonical(one.realized_pnl),
            canonical(one.fees),
            one.entries,
            one.round_trips,
            one.wins,
        )


def _trade_rows(result: Result) -> Iterable[tuple[Any, ...]]:
    trades, rules, number = result.output.trades, result.setup.rules, 0
    for index, trade in enumerate(trades):
        number += trade.leg == "entry"
        asset = rules.base_asset if trades.is_base_commission[index] else rules.quote_asset
        yield (
            number,
            from_ms(trade.at_ms).isoformat(),
            trade.side.value,
            trade.position_side.value,
            trade.leg.value,
            trade.reason,
            trade.order_type.value,
            canonical(trade.quantity),
            canonical(trade.price),
            canonical(trade.quote),
            canonical(trade.fee),
            canonical(trade.commission),
            asset,
            canonical(trade.funding),
            "" if trade.realized_pnl is None else canonical(trade.realized_pnl),
        )


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
