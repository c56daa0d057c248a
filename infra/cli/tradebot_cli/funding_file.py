"""Funding history from a CSV: Binance's monthly files, its REST answers as columns, or time, rate and mark."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from tradebot.engine.backtest import FundingRate
from tradebot_cli.candle_rows import LineError, parse_time
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

#: Names of the columns in Binance's files and answers.
_TIME: Final = ("calc_time", "fundingtime", "time", "at")
_RATE: Final = ("last_funding_rate", "fundingrate", "rate")
_MARK: Final = ("mark_price", "markprice", "mark")
_SECOND_MS: Final = 1_000


def read_funding(path: Path) -> tuple[FundingRate, ...]:
    """Return the settlements in order of time. Raise CommandError naming the line."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = {name.strip().lower(): name for name in reader.fieldnames or ()}
            time, rate, mark = (_column(names, known) for known in (_TIME, _RATE, _MARK))
            if time is None or rate is None:
                raise CommandError(
                    ExitCode.CANDLES, f"{path.name}: needs a header with {_TIME[0]} and {_RATE[0]}; mark_price if known"
                )
            found: dict[int, FundingRate] = {}
            for row in reader:
                one = _settlement(row, time, rate, mark, f"{path.name}, line {reader.line_num}")
                found[one.at_ms] = one
    except UnicodeDecodeError as error:
        raise CommandError(ExitCode.CANDLES, f"{path} is not a text file in UTF-8, so not a CSV") from error
    except OSError as error:
        raise CommandError(ExitCode.CANDLES, f"cannot read {path}: {error.strerror}") from error
    return tuple(found[at_ms] for at_ms in sorted(found))


def _column(names: dict[str, str], known: tuple[str, ...]) -> str | None:
    return next((names[name] for name in known if name in names), None)


def _settlement(row: dict[str, str], time: str, rate: str, mark: str | None, where: str) -> FundingRate:
    try:
        # Binance stamps a settlement some milliseconds late.
        at_ms = parse_time(row[time] or "") // _SECOND_MS * _SECOND_MS
        mark_price = Decimal(row[mark]) if mark and row[mark] else None
        made = FundingRate(at_ms, Decimal(row[rate] or ""), mark_price)
    except (LineError, InvalidOperation) as error:
        reason = str(error) if isinstance(error, LineError) else "no number"
        raise CommandError(ExitCode.CANDLES, f"{where}: no funding rate ({reason})") from None
    if not made.rate.is_finite() or (mark_price is not None and not (mark_price.is_finite() and mark_price > 0)):
        raise CommandError(ExitCode.CANDLES, f"{where}: the rate has to be finite and the mark price above zero")
    return made
