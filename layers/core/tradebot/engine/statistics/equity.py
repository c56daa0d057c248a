"""The equity curve, added up part by part: days and drawdowns. Amounts are integers of one money unit, times ms UTC."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from tradebot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY_MS: Final = 86_400_000
_FIRST_DAY: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day with candles: equity at the close before it and at its last close."""

    #: Days since 1970-01-01 of the candles' opens: the close at 00:00 belongs to the day that ends.
    number: int
    base: int
    end: int

    @property
    def date(self) -> date:
        """The day in the calendar."""
        return _FIRST_DAY + timedelta(days=self.number)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall from a peak, from the last close at the peak to the first one that reaches it again."""

    peak: int
    trough: int
    peak_at_ms: int
    trough_at_ms: int
    #: None where the curve ends below the peak.
    recovered_at_ms: int | None

    def duration_ms(self, end_at_ms: int) -> int:
        """Return the time from peak to recovery, or to `end_at_ms`, the end of the curve."""
        return (end_at_ms if self.recovered_at_ms is None else self.recovered_at_ms) - self.peak_at_ms


@dataclass(slots=True)
class EquityCurve:
    """All that statistics keep of a curve. `add` takes it in any number of parts and ends up the same."""

    timeframe: Timeframe
    #: The initial capital is the first peak; it stands at the first candle's open.
    initial: int
    candles: int = 0
    start_at_ms: int = 0
    last: int = 0
    end_at_ms: int = 0
    days: list[Day] = field(default_factory=list)
    deepest: Drawdown | None = None
    longest: Drawdown | None = None
    _peak: int = 0
    _peak_at_ms: int = 0
    #: Lowest close since the peak; the peak itself while there is none.
    _trough: int = 0
    _trough_at_ms: int = 0

    def __post_init__(self) -> None:
        """Begin at the initial capital."""
        self.last = self._peak = self._trough = self.initial

    def add(self, open_time_ms: Sequence[int], equity: Sequence[int]) -> None:
        """Take the closes of the next candles: their open times and the equity at each close."""
        assert len(open_time_ms) == len(equity)
        start, count = 0, len(equity)
        if count and not self.candles:
            self.start_at_ms = self._peak_at_ms = self._trough_at_ms = open_time_ms[0]
        while start < count:
            number = open_time_ms[start] // DAY_MS
            stop = bisect_left(open_time_ms, (number + 1) * DAY_MS, start)
            times, values = open_time_ms[start:stop], equity[start:stop]
            self._take_day(number, values[-1])
            highest, lowest = max(values), min(values)
            if highest < self._peak:  # most days of most curves, and no need to look at each close
                self._lower_trough(times, values, lowest)
            elif self._trough == self._peak == lowest == highest:  # nothing happened
                self._peak_at_ms = self._trough_at_ms = self._close_of(times[-1])
            else:
                self._take_closes(times, values)
            start = stop
        if count:
            self.candles += count
            self.last = equity[-1]
            self.end_at_ms = self._close_of(open_time_ms[-1])

    def drawdowns(self) -> tuple[Drawdown | None, Drawdown | None]:
        """Return the deepest and the longest drawdown up to here, the open one counted; None where nothing fell."""
        if self._trough >= self._peak:
            return self.deepest, self.longest
        now = self._current(None)
        return _deeper(self.deepest, now), self._longer(self.longest, now)

    def daily_returns(self) -> list[float] | None:
        """Return end / base - 1 of each UTC day from the first to the last, partial ones included.

        A day without candles returns 0, so that a week's candle counts as seven days. None where a base is not above 0.
        """
        if any(day.base <= 0 for day in self.days):
            return None
        returns: list[float] = []
        for day in self.days:
            returns.extend([0.0] * (day.number - self.days[0].number - len(returns)))
            returns.append((day.end - day.base) / day.base)
        return returns + [0.0] * (self.day_count - len(returns))

    @property
    def day_count(self) -> int:
        """UTC days from the first candle's open to the last one's close, each counted whole."""
        return (self.end_at_ms - 1) // DAY_MS - self.start_at_ms // DAY_MS + 1 if self.candles else 0

    def _take_day(self, number: int, end: int) -> None:
        if self.days and self.days[-1].number == number:
            self.days[-1] = Day(number, self.days[-1].base, end)
        else:
            self.days.append(Day(number, self.days[-1].end if self.days else self.initial, end))

    def _lower_trough(self, times: Sequence[int], values: Sequence[int], low: int) -> None:
        if low < self._trough:
            self._trough, self._trough_at_ms = low, self._close_of(times[values.index(low)])

    def _take_closes(self, times: Sequence[int], values: Sequence[int]) -> None:
        peak, trough, last_at_peak = self._peak, self._trough, None
        for index, value in enumerate(values):
            if value >= peak:
                if trough < peak:
                    self._settle(times, last_at_peak, index)
                peak = trough = self._peak = self._trough = value
                last_at_peak = index
            elif value < trough:
                trough = self._trough = value
                self._trough_at_ms = self._close_of(times[index])
        if last_at_peak is not None:
            self._peak_at_ms = self._close_of(times[last_at_peak])
            if trough == peak:
                self._trough_at_ms = self._peak_at_ms

    def _settle(self, times: Sequence[int], last_at_peak: int | None, recovered: int) -> None:
        """Close the drawdown that the close at `recovered` ends."""
        if last_at_peak is not None:
            self._peak_at_ms = self._close_of(times[last_at_peak])
        over = self._current(self._close_of(times[recovered]))
        self.deepest, self.longest = _deeper(self.deepest, over), self._longer(self.longest, over)

    def _current(self, recovered_at_ms: int | None) -> Drawdown:
        return Drawdown(self._peak, self._trough, self._peak_at_ms, self._trough_at_ms, recovered_at_ms)

    def _longer(self, old: Drawdown | None, new: Drawdown) -> Drawdown:
        if old is None:
            return new
        return new if new.duration_ms(self.end_at_ms) > old.duration_ms(self.end_at_ms) else old

    def _close_of(self, open_time_ms: int) -> int:
        if self.timeframe is not Timeframe.MONTH:
            return open_time_ms + self.timeframe.seconds * 1_000
        close_at = self.timeframe.close_of(datetime.fromtimestamp(open_time_ms / 1_000, UTC))
        return int(close_at.timestamp()) * 1_000


def _deeper(old: Drawdown | None, new: Drawdown) -> Drawdown:
    """Return the deeper one in proportion to its peak, compared in integers; the earlier where they are equal."""
    if old is None or (new.peak - new.trough) * old.peak > (old.peak - old.trough) * new.peak:
        return new
    return old
