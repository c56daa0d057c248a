"""`custom`: the rules of `ema` with the settings of the `custom_*` columns."""

from __future__ import annotations

from tradebot.strategy.ema import EmaStrategy


class CustomStrategy(EmaStrategy):
    """Only where its settings come from differs."""

    name = "custom"
    reads_custom_columns = True
