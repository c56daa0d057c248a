"""`ema`: a fast average against a slow one, with the RSI as filter of entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.strategy.indicators import Ema, Rsi, crosses_above, crosses_below, number
from tradebot.strategy.interface import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.strategy.interface import StrategyParameters, StrategyState


@dataclass(frozen=True, slots=True)
class EmaState:
    """Two averages and the RSI."""

    fast: Ema
    slow: Ema
    rsi: Rsi

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {"fast": self.fast.to_json(), "slow": self.slow.to_json(), "rsi": self.rsi.to_json()}


class EmaStrategy(Strategy):
    """Long while the fast average is above the slow one; shorts mirror it."""

    name = "ema"

    def slowest_ema(self, parameters: StrategyParameters) -> int:
        """Return the longer of the two periods."""
        return max(parameters.ema_fast, parameters.ema_slow)

    def start(self, parameters: StrategyParameters) -> EmaState:
        """Return empty indicators."""
        return EmaState(Ema(parameters.ema_fast), Ema(parameters.ema_slow), Rsi(parameters.rsi_period))

    def run(
        self, state: StrategyState, parameters: StrategyParameters, closes: Sequence[float]
    ) -> tuple[EmaState, Sequence[int]]:
        """Feed closes."""
        assert isinstance(state, EmaState)
        fast, fast_values = state.fast.run(closes)
        slow, slow_values = state.slow.run(closes)
        rsi, rsi_values = state.rsi.run(closes)
        fast_before, slow_before = number(state.fast.value), number(state.slow.value)
        codes = bytearray()
        for fast_now, slow_now, rsi_now in zip(fast_values, slow_values, rsi_values, strict=True):
            code = 0
            if crosses_above(fast_before, fast_now, slow_before, slow_now):
                code = SHORT_EXIT | (LONG_ENTRY if rsi_now < parameters.rsi_overbought else 0)
            elif crosses_below(fast_before, fast_now, slow_before, slow_now):
                code = LONG_EXIT | (SHORT_ENTRY if rsi_now > parameters.rsi_oversold else 0)
            codes.append(code)
            fast_before, slow_before = fast_now, slow_now
        return EmaState(fast, slow, rsi), codes

    def state_from_json(self, data: dict[str, Any]) -> EmaState:
        """Return the carried indicators."""
        return EmaState(Ema.from_json(data["fast"]), Ema.from_json(data["slow"]), Rsi.from_json(data["rsi"]))
