"""The same candles through real ticks at the simulated exchange and through a backtest: the share of a longer run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.proofs.parity import prove
from tests.proofs.parity.stage import stage_on

if TYPE_CHECKING:
    from tests.fixtures.database import TestDatabase

#: What a minute has time for.
CASES = 40


@pytest.mark.rule("live = backtest")
def test_live_trades_pauses_and_money_are_the_backtests(database: TestDatabase) -> None:
    with stage_on(database) as stage:
        report = prove(CASES, 1, stage)
    assert not report.verdict(), report.lines()
