"""Trades and days as CSV: exact decimals, ISO times in UTC, one header line."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.money import canonical
from tradebot.engine.candles import from_ms
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tradebot_cli.simulation import Result

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
DAY_COLUMNS: Final = (
    "day",
    "start_equity",
    "end_equity",
    "total_return",
    "realized_pnl",
    "fees",
    "entries",
    "round_trips",
    "wins",
)


def write_trades(path: Path, result: Result) -> None:
    """Write every executed order; entry and exit of a round trip share a number. Money in quote, quantity in base."""
    _write(path, TRADE_COLUMNS, _trade_rows(result))


def write_days(path: Path, result: Result) -> None:
    """Write a row per UTC day with candles."""
    rows = (
        (
            day.period,
            canonical(day.start_equity),
            canonical(day.end_equity),
            "" if day.total_return is None else day.total_return,
            canonical(day.realized_pnl),
            canonical(day.fees),
            day.entries,
            day.round_trips,
            day.wins,
        )
        for day in result.report.days
    )
    _write(path, DAY_COLUMNS, rows)


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


def _write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
    except OSError as error:
        raise CommandError(ExitCode.OUTPUT, f"cannot write {path}: {error.strerror}") from error
