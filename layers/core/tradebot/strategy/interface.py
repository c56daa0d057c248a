"""What a strategy is: a pure function from carried indicators and further closes to signals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


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


#: Signals in a series: one of these or a sum; 0 says nothing.
LONG_ENTRY: Final = 1
LONG_EXIT: Final = 2
SHORT_ENTRY: Final = 4
SHORT_EXIT: Final = 8


def signals_of(code: int) -> Signals:
    """Return what the code of one close says."""
    return Signals(
        long_entry=bool(code & LONG_ENTRY),
        long_exit=bool(code & LONG_EXIT),
        short_entry=bool(code & SHORT_ENTRY),
        short_exit=bool(code & SHORT_EXIT),
    )


class StrategyState(Protocol):
    """Indicators and the values that crosses need, immutable."""

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object; floats as hex."""
        ...


class Strategy(ABC):
    """One file each; `registry` knows them by name. A strategy reads closes alone, never what the bot holds."""

    name: ClassVar[str]
    #: Whether its settings come from the `custom_*` columns, a null there falling back to the plain column.
    reads_custom_columns: ClassVar[bool] = False

    @abstractmethod
    def slowest_ema(self, parameters: StrategyParameters) -> int:
        """Return the longest average in use, which the warm-up is measured by."""

    @abstractmethod
    def start(self, parameters: StrategyParameters) -> StrategyState:
        """Return the state before the first close."""

    @abstractmethod
    def run(
        self, state: StrategyState, parameters: StrategyParameters, closes: Sequence[float]
    ) -> tuple[StrategyState, Sequence[int]]:
        """Return the state after more closes, and the signals of each as a code. Any cut gives the same."""

    @abstractmethod
    def state_from_json(self, data: dict[str, Any]) -> StrategyState:
        """Return the state that its `to_json` wrote."""

    def advance(
        self, state: StrategyState, parameters: StrategyParameters, close: float
    ) -> tuple[StrategyState, Signals]:
        """Return the state after one more close, and what that close says."""
        after, (code,) = self.run(state, parameters, (close,))
        return after, signals_of(code)
