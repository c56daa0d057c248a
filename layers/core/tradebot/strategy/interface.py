"""What a strategy is: a pure function from carried indicators and one more close to signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StrategyParameters:
    """Resolved indicator settings; thresholds are RSI values."""

    ema_fast: int
    ema_slow: int
    #: The one average of `simple`.
    ema_period: int
    rsi_period: int
    rsi_oversold: int
    rsi_overbought: int


@dataclass(frozen=True, slots=True)
class Signals:
    """What one close says. On spot the short ones are not heard."""

    long_entry: bool = False
    long_exit: bool = False
    short_entry: bool = False
    short_exit: bool = False

    def __post_init__(self) -> None:
        """Entering and leaving one side at once is a defect of the strategy, and so is entering both."""
        assert not (self.long_entry and self.long_exit), "a strategy signalled long entry and long exit at once"
        assert not (self.short_entry and self.short_exit), "a strategy signalled short entry and short exit at once"
        assert not (self.long_entry and self.short_entry), "a strategy signalled long and short entry at once"


class StrategyState(Protocol):
    """Indicators and the values that crosses need, immutable."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; floats as hex."""
        ...


class Strategy(Protocol):
    """One file each; `registry` knows them by name."""

    name: str
    #: Whether its settings come from the `custom_*` columns, a null there falling back to the plain column.
    reads_custom_columns: bool

    def slowest_ema(self, parameters: StrategyParameters) -> int:
        """Return the longest average in use, which the warm-up is measured by."""
        ...

    def start(self, parameters: StrategyParameters) -> StrategyState:
        """Return the state before the first close."""
        ...

    def advance(
        self, state: StrategyState, parameters: StrategyParameters, close: float
    ) -> tuple[StrategyState, Signals]:
        """Return the state after one more close, and what that close says."""
        ...

    def state_from_json(self, data: dict[str, Any]) -> StrategyState:
        """Return the state that its `to_json` wrote."""
        ...
