"""Candles of a longer timeframe out of shorter ones. A candle is made of what there is; none is made of nothing."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import CandleArray, from_ms, to_ms
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator


def resample(candles: CandleArray, timeframe: Timeframe) -> CandleArray:
    """Return candles of `timeframe`. The first and the last one are left out where the file cuts them off."""
    if timeframe is candles.timeframe:
        return candles
    _require_divisible(candles.timeframe, timeframe)
    made = CandleArray(timeframe, candles.price_decimals)
    for open_time_ms, start, stop in _buckets(candles, timeframe):
        made.open_time_ms.append(open_time_ms)
        made.open.append(candles.open[start])
        made.high.append(max(candles.high[start:stop]))
        made.low.append(min(candles.low[start:stop]))
        made.close.append(candles.close[stop - 1])
        made.volume.append(sum(candles.volume[start:stop]))
    return made


def _require_divisible(source: Timeframe, target: Timeframe) -> None:
    # Months begin at midnight, weeks and the other lengths at multiples of every shorter one that divides them.
    whole_days = source.seconds <= 86_400 and 86_400 % source.seconds == 0
    divides = target is Timeframe.MONTH or target.seconds % source.seconds == 0
    if source is Timeframe.MONTH or target.seconds < source.seconds or not (divides and whole_days):
        raise CommandError(ExitCode.CANDLES, f"candles of {source} cannot be joined into candles of {target}")


def _buckets(candles: CandleArray, timeframe: Timeframe) -> Iterator[tuple[int, int, int]]:
    """Yield open time, first and one past the last index of each whole candle."""
    times = candles.open_time_ms
    if not times:
        return
    end_ms = candles.close_time_ms(len(candles) - 1)
    start = 0
    while start < len(times):
        open_ms, close_ms = _edges(times[start], timeframe)
        stop = bisect_left(times, close_ms, start)
        is_cut_off = close_ms > end_ms or (start == 0 and times[0] != open_ms)
        if not is_cut_off:
            yield open_ms, start, stop
        start = stop


def _edges(at_ms: int, timeframe: Timeframe) -> tuple[int, int]:
    length = timeframe.seconds * 1_000
    if timeframe is Timeframe.MONTH or timeframe is Timeframe.W1:
        open_at = timeframe.floor(from_ms(at_ms))
        return to_ms(open_at), to_ms(timeframe.close_of(open_at))
    open_ms = at_ms // length * length
    return open_ms, open_ms + length
