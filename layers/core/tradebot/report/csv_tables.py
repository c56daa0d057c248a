"""Trades, days and months as CSV: exact decimals, ISO times in UTC, one header line."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.money import canonical, digits
from tradebot.domain.order import Leg, OrderType
from tradebot.domain.position import PositionSide
from tradebot.engine.backtest_output import REASONS
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

#: Columns of `TradeColumns` that a line is made of.
_READ: Final = (
    *("at_ms", "leg", "position_side", "reason", "is_maker", "quantity", "price", "quote", "fee", "commission"),
    *("is_base_commission", "funding", "realized_pnl"),
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
    """Go by the columns: a value of the domain for each of ten thousand orders takes longer than all of its text."""
    trades, rules, units, number = result.output.trades, result.setup.rules, result.setup.units, 0
    money, quantities = units.money_decimals, units.quantity_decimals
    reasons, types = [str(reason) for reason in REASONS], (OrderType.MARKET.value, OrderType.LIMIT.value)
    words = {
        (side is PositionSide.LONG, is_entry): (
            (side.entry_side if is_entry else side.exit_side).value,
            side.value,
            (Leg.ENTRY if is_entry else Leg.EXIT).value,
        )
        for side in PositionSide
        for is_entry in (True, False)
    }
    columns = zip(*(getattr(trades, name) for name in _READ), strict=True)
    for at_ms, leg, sign, reason, is_maker, quantity, price, quote, fee, commission, is_base, funding, gain in columns:
        is_entry = leg == 0
        number += is_entry
        yield (
            number,
            from_ms(at_ms).isoformat(),
            *words[sign > 0, is_entry],
            reasons[reason],
            types[is_maker],
            digits(quantity, quantities),
            digits(price, units.price_decimals),
            digits(quote, money),
            digits(fee, money),
            digits(commission, quantities if is_base else money),
            rules.base_asset if is_base else rules.quote_asset,
            digits(funding, money),
            "" if is_entry else digits(gain, money),
        )


def _csv(columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
