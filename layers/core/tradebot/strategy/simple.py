"""`simple`: the close against one average, with the RSI as filter and as second exit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradebot.strategy.indicators import Ema, Rsi, crosses_above, crosses_below, number
from tradebot.strategy.interface import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT, Strategy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.strategy.interface import StrategyParameters, StrategyState


@dataclass(frozen=True, slots=True)
class SimpleState:
    """The RSI also keeps the previous close."""

    ema: Ema
    rsi: Rsi

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {"ema": self.ema.to_json(), "rsi": self.rsi.to_json()}


class SimpleStrategy(Strategy):
    """Long while the close is above its average; shorts mirror it."""

    name = "simple"

    def slowest_ema(self, parameters: StrategyParameters) -> int:
        """Return the only average's period."""
        return parameters.ema_period

    def start(self, parameters: StrategyParameters) -> SimpleState:
        """Return empty indicators."""
        return SimpleState(Ema(parameters.ema_period), Rsi(parameters.rsi_period))

    def run(
        self, state: StrategyState, parameters: StrategyParameters, closes: Sequence[float]
    ) -> tuple[SimpleState, Sequence[int]]:
        """Feed closes."""
        assert isinstance(state, SimpleState)
        ema, ema_values = state.ema.run(closes)
        rsi, rsi_values = state.rsi.run(closes)
        close_before, ema_before, rsi_before = map(number, (state.rsi.previous, state.ema.value, state.rsi.value))
        oversold, overbought = parameters.rsi_oversold, parameters.rsi_overbought
        codes = bytearray()
        for close, ema_now, rsi_now in zip(closes, ema_values, rsi_values, strict=True):
            code = 0
            if crosses_above(close_before, close, ema_before, ema_now):
                code = SHORT_EXIT | (LONG_ENTRY if rsi_now < overbought else 0)
            elif crosses_below(close_before, close, ema_before, ema_now):
                code = LONG_EXIT | (SHORT_ENTRY if rsi_now > oversold else 0)
            if crosses_below(rsi_before, rsi_now, overbought, overbought):
                code |= LONG_EXIT
            elif crosses_above(rsi_before, rsi_now, oversold, oversold):
                code |= SHORT_EXIT
            codes.append(code)
            close_before, ema_before, rsi_before = close, ema_now, rsi_now
        return SimpleState(ema, rsi), codes

    def state_from_json(self, data: dict[str, Any]) -> SimpleState:
        """Return the carried indicators."""
        return SimpleState(Ema.from_json(data["ema"]), Rsi.from_json(data["rsi"]))
