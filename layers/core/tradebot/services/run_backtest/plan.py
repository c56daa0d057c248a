"""Which months of candles a backtest reads, which of them have to be fetched, and how long all of it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.market import MarketType
from tradebot.engine.candles import to_ms
from tradebot.errors import InvalidInputError
from tradebot.repositories import backtests
from tradebot.services.backtest_document import span_of
from tradebot.services.run_backtest.candle_cache import CandleCache, month_end, month_start, months_between
from tradebot.services.run_backtest.errors import BacktestEndedError
from tradebot.services.run_backtest.funding_cache import FundingCache
from tradebot.services.run_backtest.market_facts import ENVIRONMENT
from tradebot.services.run_backtest.step_input import StepInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tradebot.aws.object_store import ObjectStore
    from tradebot.domain.timeframe import Timeframe
    from tradebot.repositories.pages import Record
    from tradebot.services.backtest_document import Span
    from tradebot.services.run_backtest.market_line import MarketLine
    from tradebot.services.user_sessions import OpenSession

#: Ten years. Each fetch's reference stays in the workflow's history, which is bounded.
MOST_MONTHS: Final = 120
#: The progress that the steps reach: all candles are there; all are simulated.
FETCHED: Final = 0.7
SIMULATED: Final = 0.95
#: Candles that one fetch asks for at most: a month of minutes, or several months of longer candles.
_CANDLES_A_FETCH: Final = 44_640
#: The estimate's terms, in seconds: functions that start cold, a thousand candles fetched, a million simulated.
_START_SECONDS: Final = 6.0
_PAGE_SECONDS: Final = 0.25
_MILLION_SECONDS: Final = 4.0
#: As many fetches run side by side (the state machine's MaxConcurrency).
_SIDE_BY_SIDE: Final = 4


@dataclass(frozen=True, slots=True)
class PlanBacktest:
    """The first step."""

    open_session: OpenSession
    candles: ObjectStore
    market: Callable[[str, str], MarketLine]

    def __call__(self, event: object) -> dict[str, Any]:
        """Take `{backtest_id, user_id}`, return what the next steps hand on.

        `{backtest: {backtest_id, user_id}, fetches: [{..., first_month, last_month, share}], simulation: {...}}`.
        """
        step = StepInput("plan", event)
        backtest_id, user_id = step.identifier("backtest_id"), step.identifier("user_id")
        with self.open_session(user_id) as session:
            row = backtests.read_unfinished(session, user_id, backtest_id)
        if row is None:
            raise BacktestEndedError(f"backtest {backtest_id} is not under way")
        span = span_of(row)
        months = months_between(span.warm_up_at, span.end_at)
        if len(months) > MOST_MONTHS:
            raise InvalidInputError(
                f"The span covers {len(months)} months with its warm-up; at most {MOST_MONTHS} are tested at once.",
                field="end_date",
                rule="span",
            )
        newest_at = self._newest_at(row, span)
        missing = self._missing(row, months, {month: _until_ms(month, span, newest_at) for month in months})
        groups = _grouped(missing, row.interval)
        with self.open_session(user_id) as session:
            is_wanted = backtests.begin_backtest(
                session, user_id, backtest_id, estimated_seconds=_estimate(row.interval, span, missing)
            )
        if not is_wanted:
            raise BacktestEndedError(f"backtest {backtest_id} is not under way")
        backtest = {"backtest_id": backtest_id, "user_id": user_id}
        return {
            "backtest": backtest,
            "fetches": [
                {
                    **backtest,
                    "first_month": group[0],
                    "last_month": group[-1],
                    "until_ms": _until_ms(group[-1], span, newest_at),
                    "share": FETCHED * len(group) / len(missing),
                }
                for group in groups
            ],
            "simulation": {"reached_ms": 0, "is_finished": False},
        }

    def _newest_at(self, row: Record, span: Span) -> datetime:
        line = self.market(ENVIRONMENT, row.market_type)
        try:
            newest_at = line.newest_candle_at(row.symbol, row.interval)
        finally:
            line.settle()
        if newest_at is None or span.end_at > newest_at:
            raise InvalidInputError(
                f"The candles of {row.symbol} up to {span.end_at:%Y-%m-%d %H:%M} have not all closed yet.",
                field="end_date",
                rule="past",
            )
        return newest_at

    def _missing(self, row: Record, months: Sequence[str], until_ms: Mapping[str, int]) -> list[str]:
        """Return the months that the bucket does not have as far as they are needed, or not their funding."""
        cache = CandleCache(self.candles, row.market_type, row.symbol, row.interval)
        closed, missing = cache.closed_months(), []
        is_futures, funding = row.market_type == MarketType.FUTURES, FundingCache(self.candles, row.symbol)
        settled = funding.known() if is_futures else set()
        for month in months:
            is_part = until_ms[month] < to_ms(month_end(month))
            has_candles = month in closed or (
                is_part and any(part.until_ms == until_ms[month] for part in cache.parts(month))
            )
            if not has_candles or (is_futures and funding.key(month, until_ms[month]) not in settled):
                missing.append(month)
        return missing


def _until_ms(month: str, span: Span, newest_at: datetime) -> int:
    """Return up to where a month is fetched: as a whole where it has closed, else as far as it is needed."""
    end_at = month_end(month)
    return to_ms(end_at if end_at <= newest_at else min(end_at, span.end_at))


def _grouped(months: Sequence[str], timeframe: Timeframe) -> list[list[str]]:
    """Return months that follow one another together, as many as one fetch takes."""
    most = max(1, int(_CANDLES_A_FETCH * timeframe.seconds / (31 * 86_400)))
    groups: list[list[str]] = []
    for month in months:
        if groups and len(groups[-1]) < most and month_end(groups[-1][-1]) == month_start(month):
            groups[-1].append(month)
        else:
            groups.append([month])
    return groups


def _estimate(timeframe: Timeframe, span: Span, missing: Sequence[str]) -> float:
    a_month = 30.4 * 86_400 / timeframe.seconds
    pages = sum(max(1.0, a_month / 1_000) for _ in missing)
    simulated = (span.end_at - span.warm_up_at).total_seconds() / timeframe.seconds
    seconds = _START_SECONDS + pages * _PAGE_SECONDS / _SIDE_BY_SIDE + simulated / 1e6 * _MILLION_SECONDS
    return round(seconds, 1)
