"""`ema`: a fast average against a slow one, with the RSI as filter of entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.strategy.indicators import Ema, Rsi, crosses_above, crosses_below
from tradebot.strategy.interface import Signals

if TYPE_CHECKING:
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


class EmaStrategy:
    """Long while the fast average is above the slow one; shorts mirror it."""

    name = "ema"
    reads_custom_columns = False

    def slowest_ema(self, parameters: StrategyParameters) -> int:
        """Return the longer of the two periods."""
        return max(parameters.ema_fast, parameters.ema_slow)

    def start(self, parameters: StrategyParameters) -> EmaState:
        """Return empty indicators."""
        return EmaState(Ema(parameters.ema_fast), Ema(parameters.ema_slow), Rsi(parameters.rsi_period))

    def advance(self, state: StrategyState, parameters: StrategyParameters, close: float) -> tuple[EmaState, Signals]:
        """Feed one close."""
        assert isinstance(state, EmaState)
        now = EmaState(state.fast.updated(close), state.slow.updated(close), state.rsi.updated(close))
        above = crosses_above(state.fast.value, now.fast.value, state.slow.value, now.slow.value)
        below = crosses_below(state.fast.value, now.fast.value, state.slow.value, now.slow.value)
        rsi = now.rsi.value
        return now, Signals(
            long_entry=above and rsi is not None and rsi < parameters.rsi_overbought,
            long_exit=below,
            short_entry=below and rsi is not None and rsi > parameters.rsi_oversold,
            short_exit=above,
        )

    def state_from_json(self, data: dict[str, Any]) -> EmaState:
        """Return the carried indicators."""
        return EmaState(Ema.from_json(data["fast"]), Ema.from_json(data["slow"]), Rsi.from_json(data["rsi"]))
