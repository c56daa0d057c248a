"""Names of what a backtest leaves in the report bucket for its user."""

from __future__ import annotations

from typing import Final

TRADES: Final = "trades.csv"
DAYS: Final = "daily.csv"
MONTHS: Final = "monthly.csv"
PAGE: Final = "report.html"
CONTENT_TYPES: Final = {
    **dict.fromkeys((TRADES, DAYS, MONTHS), "text/csv; charset=utf-8"),
    PAGE: "text/html; charset=utf-8",
}


def prefix_of(user_id: int, backtest_id: int) -> str:
    """Return what the keys of all of a backtest's objects begin with."""
    return f"backtests/{user_id}/{backtest_id}/"
