"""Indicators as carried state: immutable, fed with further closes, never recomputed.

The operations stand in exactly this order everywhere, because algebraically equal forms give other bits. Each indicator
has one loop, over a series of closes; a tick feeds it a series of one. In a series NaN stands for "does not exist yet":
every comparison with it is false, so that nothing crosses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NAN: Final = float("nan")


def hex_or_none(value: float | None) -> str | None:
    """Return a float's exact text."""
    return None if value is None else value.hex()


def float_or_none(text: str | None) -> float | None:
    """Return the float of its exact text."""
    return None if text is None else float.fromhex(text)


@dataclass(frozen=True, slots=True)
class Ema:
    """Exponential moving average; the seed is the mean of the first `period` closes, added left to right."""

    period: int
    count: int = 0
    #: Sum of the closes until the seed is complete.
    total: float = 0.0
    value: float | None = None

    def updated(self, close: float) -> Ema:
        """Return the state after one more close."""
        return self.run((close,))[0]

    def run(self, closes: Sequence[float]) -> tuple[Ema, list[float]]:
        """Return the state after more closes, and the average at each of them."""
        count, total, period, value = self.count, self.total, self.period, self.value
        averages: list[float] = []
        if value is None:
            for close in closes:
                count, total = count + 1, total + close
                if count == period:
                    value = total / period
                    averages.append(value)
                    break
                averages.append(NAN)
        if value is not None:
            smoothing = 2 / (period + 1)
            for close in closes[len(averages) :]:
                value = (close - value) * smoothing + value
                averages.append(value)
        return Ema(period, count, total, value), averages

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; floats as hex."""
        return {
            "period": self.period,
            "count": self.count,
            "total": self.total.hex(),
            "value": hex_or_none(self.value),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Ema:
        """Return the state that `to_json` wrote."""
        return Ema(data["period"], data["count"], float.fromhex(data["total"]), float_or_none(data["value"]))


@dataclass(frozen=True, slots=True)
class Rsi:
    """Wilder's relative strength index; the averages start as means of the first `period` changes."""

    period: int
    count: int = 0
    previous: float | None = None
    #: Sums of gains and losses until `period` changes were seen, averages from then on.
    gain: float = 0.0
    loss: float = 0.0

    def updated(self, close: float) -> Rsi:
        """Return the state after one more close."""
        return self.run((close,))[0]

    def run(self, closes: Sequence[float]) -> tuple[Rsi, list[float]]:
        """Return the state after more closes, and the index at each of them."""
        count, n, previous, gain, loss = self.count, self.period, self.previous, self.gain, self.loss
        before = n - 1
        indices: list[float] = []
        for close in closes:
            if previous is None:
                previous = close
                indices.append(NAN)
                continue
            change = close - previous
            rise, fall = (change, 0.0) if change > 0 else (0.0, -change)
            previous = close
            if count == n:
                gain, loss = (gain * before + rise) / n, (loss * before + fall) / n
            else:
                count, gain, loss = count + 1, gain + rise, loss + fall
                if count < n:
                    indices.append(NAN)
                    continue
                gain, loss = gain / n, loss / n
            total = gain + loss
            indices.append(50.0 if total == 0 else 100 * (gain / total))
        return Rsi(n, count, previous, gain, loss), indices

    @property
    def value(self) -> float | None:
        """0 to 100; 50 where nothing moved; None until `period` changes were seen."""
        if self.count < self.period:
            return None
        total = self.gain + self.loss
        return 50.0 if total == 0 else 100 * (self.gain / total)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; floats as hex."""
        return {
            "period": self.period,
            "count": self.count,
            "previous": hex_or_none(self.previous),
            "gain": self.gain.hex(),
            "loss": self.loss.hex(),
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Rsi:
        """Return the state that `to_json` wrote."""
        return Rsi(
            data["period"],
            data["count"],
            float_or_none(data["previous"]),
            float.fromhex(data["gain"]),
            float.fromhex(data["loss"]),
        )


def number(value: float | None) -> float:
    """Return the value as it stands in a series."""
    return NAN if value is None else value


def crosses_above(before: float, now: float, line_before: float, line_now: float) -> bool:
    """Whether a value that was at or below a line is above it; False while one of the four does not exist."""
    return before <= line_before and now > line_now


def crosses_below(before: float, now: float, line_before: float, line_now: float) -> bool:
    """Whether a value that was at or above a line is below it; False while one of the four does not exist."""
    return before >= line_before and now < line_now
