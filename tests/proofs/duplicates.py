"""A decision and a hundred workers that were all told to carry it out at once: exactly one order, round after round.

Real Postgres with a connection for each worker, a real HTTP exchange. Rounds enter and leave a position by turns.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from tests.fixtures.database import TestServer, copied, made_template
from tests.proofs.simulation.checks import read_books
from tests.proofs.stage import rows_of, stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proofs.stage import Stage
    from tradebot.services.run_bot import TickReport

FULL_ROUNDS = 50
WORKERS = 100
#: Two minutes up and two down: each second one crosses the averages.
_TURNS = (60, 60, -60, -60)


@dataclass
class Report:
    """What was seen."""

    rounds: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass."""
        wrong = [] if self.outcomes["busy"] >= self.rounds * WORKERS // 2 else ["the workers hardly met each other"]
        if self.rounds and min(self.orders["entry"], self.orders["exit"] + 1) < self.rounds // 2:
            wrong.append(f"too few orders for {self.rounds} rounds: {dict(self.orders)}")
        return [*wrong, *self.wrong[:10]]

    def lines(self) -> list[str]:
        """Return the figures as text."""
        return [
            f"{self.rounds} rounds of {WORKERS} workers at once in {self.seconds:.0f} s: "
            + ", ".join(f"{name} {number}" for name, number in sorted(self.outcomes.items())),
            (
                f"  entries {self.orders['entry']}, exits {self.orders['exit']}; "
                f"rounds with another number of orders than one: {len(self.wrong)}"
            ),
        ]


def prove(rounds: int = FULL_ROUNDS, progress: Callable[[int], None] | None = None, *, seed: int = 1) -> Report:
    """Run so many rounds, each a decision that a hundred workers carry out at once."""
    del seed
    report, began = Report(), time.perf_counter()
    rows = rows_of([move for _ in range(rounds) for move in _TURNS] + [0] * 4)
    with tempfile.TemporaryDirectory(prefix="proofs-") as folder:
        # The tests' server has no room for so many connections.
        settings = {**FAST_AND_LOSE_ON_POWER_FAILURE, "max_connections": str(WORKERS + 20)}
        own = EmbeddedPostgres(Path(folder) / "postgres", settings=settings)
        with own as url:
            server = TestServer(url, own.superuser_url)
            with copied(server, made_template(server)) as database, stage(database, rows) as on:
                _run(on, rounds, report, progress)
        own.remove()
    report.seconds = time.perf_counter() - began
    return report


def _run(on: Stage, rounds: int, report: Report, progress: Callable[[int], None] | None) -> None:
    bot = on.add_bot(position_type="spot", stop_loss_perc=50, take_profit_perc=50)
    workers = [on.worker() for _ in range(WORKERS)]
    workers[0](bot, 0)
    barrier = threading.Barrier(WORKERS)
    minute = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        while report.rounds < rounds:
            minute += 1
            on.move_market(minute)
            before = Counter(order.leg.value for order in read_books(on.look, bot).orders)

            def run(tick: Callable[[int, int], TickReport], at: int = minute) -> str:
                barrier.wait()
                return tick(bot, at).outcome

            outcomes = Counter(pool.map(run, workers))
            made = Counter(order.leg.value for order in read_books(on.look, bot).orders)
            made.subtract(before)
            decided = made["entry"] + made["exit"]
            if outcomes["done"] != 1:
                report.wrong.append(f"minute {minute}: {dict(outcomes)}")
            if not decided:
                continue
            report.rounds += 1
            report.outcomes += outcomes
            report.orders += Counter({leg: made[leg] for leg in ("entry", "exit")})
            if decided != 1:
                report.wrong.append(f"minute {minute}: {decided} orders")
            if progress is not None:
                progress(report.rounds)
    report.wrong += on.differences(bot)


def main() -> int:
    """Run the proof from the command line."""
    report = prove(progress=lambda done: print(f"duplicates: round {done}", file=sys.stderr))
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
