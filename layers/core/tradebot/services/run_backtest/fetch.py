"""Fetches months of candles that the bucket does not have: checked, packed, written once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.market import MarketType
from tradebot.engine.candles import CandleArray, from_ms, to_ms
from tradebot.errors import ExchangeBudgetError, ExchangeUnavailableError
from tradebot.repositories import backtests
from tradebot.services.run_backtest.candle_cache import CandleCache, month_end, month_start, months_between
from tradebot.services.run_backtest.errors import BacktestEndedError, StepOutOfTimeError
from tradebot.services.run_backtest.funding_cache import FundingCache
from tradebot.services.run_backtest.market_facts import ENVIRONMENT
from tradebot.services.run_backtest.plan import FETCHED
from tradebot.services.run_backtest.step_input import StepInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tradebot.aws.object_store import ObjectStore
    from tradebot.domain.candle import Candle
    from tradebot.domain.timeframe import Timeframe
    from tradebot.services.run_backtest.market_line import MarketLine
    from tradebot.services.user_sessions import OpenSession

#: Candles asked for in one go. The last page is not full, so that no further one is asked for.
_STRETCH: Final = 9_999
#: A stretch takes ten requests (twenty-one of futures), of which each may take as long as the exchange itself waits.
_STRETCH_MS: Final = 15_000


@dataclass(frozen=True, slots=True)
class FetchCandles:
    """One of the steps that run side by side."""

    open_session: OpenSession
    candles: ObjectStore
    market: Callable[[str, str], MarketLine]

    def __call__(self, event: object, remaining_ms: Callable[[], int]) -> dict[str, Any]:
        """Take `{backtest_id, user_id, first_month, last_month, until_ms, share}`, return what was done.

        `{is_finished, wait_seconds, stored}`: not finished where the minute's request weight was used up, which the
        workflow waits for, so that no function does. Whatever another backtest has stored meanwhile is not fetched
        again. What was read before the exchange refused or the time ran out is kept as a part of its month, and read
        from there the next time.
        """
        step = StepInput("fetch", event)
        backtest_id, user_id = step.identifier("backtest_id"), step.identifier("user_id")
        months = _months(step.text("first_month"), step.text("last_month"))
        until_ms, share = step.count("until_ms"), step.number("share")
        with self.open_session(user_id) as session:
            row = backtests.read_unfinished(session, user_id, backtest_id)
        if row is None:
            raise BacktestEndedError(f"backtest {backtest_id} is not under way")
        cache = CandleCache(self.candles, row.market_type, row.symbol, row.interval)
        closed, stored = cache.closed_months(), 0
        line = self.market(ENVIRONMENT, cache.market)
        try:
            for month in months:
                end_ms = min(until_ms, to_ms(month_end(month)))
                if month not in closed and not any(part.until_ms == end_ms for part in cache.parts(month)):
                    stored += self._fetch(line, cache, month, end_ms, remaining_ms)
                if row.market_type == MarketType.FUTURES:
                    _fetch_funding(line, FundingCache(self.candles, row.symbol), month, end_ms)
        except ExchangeBudgetError as error:
            return {"is_finished": False, "wait_seconds": math.ceil(error.retry_after_seconds), "stored": stored}
        finally:
            line.settle()
        with self.open_session(user_id) as session:
            backtests.add_progress(session, user_id, backtest_id, share=share, most=FETCHED)
        return {"is_finished": True, "wait_seconds": 0, "stored": stored}

    def _fetch(
        self, line: MarketLine, cache: CandleCache, month: str, end_ms: int, remaining_ms: Callable[[], int]
    ) -> bool:
        """Read on from the longest part there is, and store the month; False where somebody else was faster."""
        known = [part for part in cache.parts(month) if part.until_ms < end_ms]
        have = cache.load(known[-1]) if known else CandleArray(cache.timeframe, 0)
        at = from_ms(known[-1].until_ms) if known else _first_open(cache.timeframe, month)
        end_at = from_ms(end_ms)
        try:
            while at < end_at:
                _require_time(remaining_ms, f"the candles of {month} are fetched up to {at:%Y-%m-%d %H:%M}")
                stop = min(end_at, at + _STRETCH * timedelta(seconds=cache.timeframe.seconds))
                found = line.candles(cache.symbol, cache.timeframe, at, stop)
                have = _joined(have, _checked(found, cache.timeframe, at, stop))
                at = stop
        except Exception:
            if not known or at > from_ms(known[-1].until_ms):
                cache.save(month, have, to_ms(at))
            raise
        return cache.save(month, have, end_ms)


def _fetch_funding(line: MarketLine, funding: FundingCache, month: str, end_ms: int) -> None:
    if funding.key(month, end_ms) not in funding.known():
        found = line.funding_settlements(funding.symbol, month_start(month), from_ms(end_ms))
        funding.save(month, found, end_ms)


def _require_time(remaining_ms: Callable[[], int], so_far: str) -> None:
    if remaining_ms() < _STRETCH_MS:
        raise StepOutOfTimeError(so_far)


def _months(first: str, last: str) -> list[str]:
    return months_between(month_start(first), month_end(last))


def _first_open(timeframe: Timeframe, month: str) -> datetime:
    """Return when the month's first candle opens: weeks and three days begin where they began before it."""
    start_at = month_start(month)
    floor = timeframe.floor(start_at)
    return floor if floor == start_at else timeframe.close_of(floor)


def _checked(found: Sequence[Candle], timeframe: Timeframe, at: datetime, stop: datetime) -> CandleArray:
    """Return what the exchange answered as columns; refuse what is no ascending run of this timeframe's candles.

    Candles that are missing are missing: the engine sees the gap and the report counts it.
    """
    before = at - timedelta(microseconds=1)
    for candle in found:
        if not before < candle.open_time < stop or timeframe.floor(candle.open_time) != candle.open_time:
            raise ExchangeUnavailableError(
                f"the exchange answered with a candle of {candle.open_time:%Y-%m-%d %H:%M} where that after "
                f"{before:%Y-%m-%d %H:%M} belongs"
            )
        before = candle.open_time
    return CandleArray.from_candles(found, timeframe)


def _joined(have: CandleArray, more: CandleArray) -> CandleArray:
    return more if not len(have) else have if not len(more) else have + more
