"""Live equals backtest: random bots have to give the same trades, pauses and money in real ticks and in a backtest.

`python -m tests.proofs.parity` runs the full count and shows its progress.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.proofs.parity.cases import Case, cases
from tests.proofs.parity.compare import Report, count, hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proofs.parity.stage import Stage

FULL_COUNT = 2_000


def prove(
    examples: int,
    seed: int,
    stage: Stage,
    progress: Callable[[Report], None] | None = None,
    *,
    shrinks: bool = False,
) -> Report:
    """Play `examples` cases of `seed`; raise AssertionError at the first difference."""
    report, began = Report(seed), time.perf_counter()

    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if shrinks else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def one(case: Case) -> None:
        played = stage.play(case)
        hold(played)
        count(report, played)
        report.seconds = time.perf_counter() - began
        if progress is not None:
            progress(report)

    one()
    return report
