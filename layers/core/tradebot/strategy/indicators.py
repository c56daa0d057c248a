"""Indicators as carried state: immutable, fed one close at a time, never recomputed.

The operations stand in exactly this order everywhere, because algebraically equal forms give other bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
        if self.value is not None:
            smoothing = 2 / (self.period + 1)
            return Ema(self.period, self.count, self.total, (close - self.value) * smoothing + self.value)
        count, total = self.count + 1, self.total + close
        if count < self.period:
            return Ema(self.period, count, total)
        return Ema(self.period, count, total, total / self.period)

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
        if self.previous is None:
            return Rsi(self.period, 0, close)
        change = close - self.previous
        rise, fall = (change, 0.0) if change > 0 else (0.0, -change)
        n = self.period
        if self.count < n:
            count, gain, loss = self.count + 1, self.gain + rise, self.loss + fall
            return Rsi(n, count, close, gain / n, loss / n) if count == n else Rsi(n, count, close, gain, loss)
        return Rsi(n, n, close, (self.gain * (n - 1) + rise) / n, (self.loss * (n - 1) + fall) / n)

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


def crosses_above(before: float | None, now: float | None, line_before: float | None, line_now: float | None) -> bool:
    """Whether a value that was at or below a line is above it; False while one of the four does not exist."""
    if before is None or now is None or line_before is None or line_now is None:
        return False
    return before <= line_before and now > line_now


def crosses_below(before: float | None, now: float | None, line_before: float | None, line_now: float | None) -> bool:
    """Whether a value that was at or above a line is below it; False while one of the four does not exist."""
    if before is None or now is None or line_before is None or line_now is None:
        return False
    return before >= line_before and now < line_now
