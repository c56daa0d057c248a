"""The engine's fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.engine.desk import ScriptedStrategy
from tradebot.strategy import registry

if TYPE_CHECKING:
    from tradebot.strategy.interface import Signals


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[int, Signals]:
    """Replace the strategy `ema` by signals written down per candle, counted from the first one that is fed."""
    written: dict[int, Signals] = {}
    monkeypatch.setitem(registry._STRATEGIES, "ema", ScriptedStrategy(written))
    return written
