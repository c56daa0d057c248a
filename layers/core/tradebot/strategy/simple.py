"""`simple`: the close against one average, with the RSI as filter and as second exit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.strategy.indicators import Ema, Rsi, crosses_above, crosses_below
from tradebot.strategy.interface import Signals

if TYPE_CHECKING:
    from tradebot.strategy.interface import StrategyParameters, StrategyState


@dataclass(frozen=True, slots=True)
class SimpleState:
    """The RSI also keeps the previous close."""

    ema: Ema
    rsi: Rsi

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {"ema": self.ema.to_json(), "rsi": self.rsi.to_json()}


class SimpleStrategy:
    """Long while the close is above its average; shorts mirror it."""

    name = "simple"
    reads_custom_columns = False

    def slowest_ema(self, parameters: StrategyParameters) -> int:
        """Return the only average's period."""
        return parameters.ema_period

    def start(self, parameters: StrategyParameters) -> SimpleState:
        """Return empty indicators."""
        return SimpleState(Ema(parameters.ema_period), Rsi(parameters.rsi_period))

    def advance(
        self, state: StrategyState, parameters: StrategyParameters, close: float
    ) -> tuple[SimpleState, Signals]:
        """Feed one close."""
        assert isinstance(state, SimpleState)
        now = SimpleState(state.ema.updated(close), state.rsi.updated(close))
        above = crosses_above(state.rsi.previous, close, state.ema.value, now.ema.value)
        below = crosses_below(state.rsi.previous, close, state.ema.value, now.ema.value)
        rsi, oversold, overbought = now.rsi.value, parameters.rsi_oversold, parameters.rsi_overbought
        return now, Signals(
            long_entry=above and rsi is not None and rsi < overbought,
            long_exit=below or crosses_below(state.rsi.value, rsi, overbought, overbought),
            short_entry=below and rsi is not None and rsi > oversold,
            short_exit=above or crosses_above(state.rsi.value, rsi, oversold, oversold),
        )

    def state_from_json(self, data: dict[str, Any]) -> SimpleState:
        """Return the carried indicators."""
        return SimpleState(Ema.from_json(data["ema"]), Rsi.from_json(data["rsi"]))
