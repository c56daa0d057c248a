"""Round trips by reason, side, weekday and hour of their exit: pandas groups them, in whole units of money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tradebot.domain.money import canonical
from tradebot.engine.backtest_output import REASONS
from tradebot.engine.statistics.rounding import ratio

if TYPE_CHECKING:
    from tradebot.report.result import Result

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def break_down(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Return a table for each way of grouping; money exact, as texts in quote."""
    trades, units = result.output.trades, result.setup.units
    orders = pd.DataFrame(
        {
            name: np.frombuffer(getattr(trades, name), dtype=np.int64)
            for name in ("at_ms", "leg", "position_side", "reason", "realized_pnl")
        }
    )
    exits = orders[orders["leg"] == 1]
    # A range's exit carries the close less a millisecond: the weekday and hour are those of its candle.
    at = pd.to_datetime(exits["at_ms"], unit="ms", utc=True)
    keys = {
        "by_reason": exits["reason"].map(lambda number: str(REASONS[number])),
        "by_side": exits["position_side"].map(lambda sign: "long" if sign > 0 else "short"),
        "by_weekday": at.dt.day_of_week,
        "by_hour": at.dt.hour,
    }
    tables = {}
    for name, key in keys.items():
        grouped = exits["realized_pnl"].groupby(key.to_numpy(), sort=True)
        rows = grouped.agg(round_trips="count", realized_pnl="sum", wins=lambda values: int((values > 0).sum()))
        tables[name] = [
            {
                "key": _WEEKDAYS[int(index)]
                if name == "by_weekday"
                else index
                if isinstance(index, str)
                else int(index),
                "round_trips": int(row.round_trips),
                "wins": int(row.wins),
                "win_rate": ratio(int(row.wins), int(row.round_trips)),
                "realized_pnl": canonical(units.money(int(row.realized_pnl))),
            }
            for index, row in zip(rows.index, rows.itertuples(), strict=True)
        ]
    return tables
