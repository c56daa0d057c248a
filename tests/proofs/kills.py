"""No lost order: a worker process is ended by SIGKILL at every step that a tick passes, and two clean ticks mend it.

Each scenario is played once to see which steps its tick passes, then by one bot per step, whose tick runs in a process
of its own, forked from this warm one, up to that step. Exchange over HTTP, Postgres and the worker are real.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.fixtures.database import copied, made_template
from tests.proofs.simulation.database import server
from tests.proofs.stage import Stage, rows_of, stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.database import TestDatabase

#: Least that has to be found: a tick that passes fewer steps has lost its hooks, and the proof its worth.
LEAST_CASES = 100
LEAST_STEPS = 20


@dataclass(frozen=True, slots=True)
class Scenario:
    """Moves of the market, and the minute whose tick is killed."""

    name: str
    moves: tuple[int | tuple[int, int, int], ...]
    minute: int
    bot: dict[str, Any] = field(default_factory=dict)
    #: What an undisturbed tick has to have done, or the scenario is not what it says.
    does: str = ""


_UP = (40, 40)
SCENARIOS = (
    Scenario("entry", (*_UP, 10, 10, 10, 10), 1, does="entry:FILLED"),
    Scenario("exit", (*_UP, -60, -60, -10, -10, -10), 3, does="exit:FILLED"),
    Scenario(
        "trailing move",
        (*_UP, 300, 100, 10, 10, 10, 10),
        3,
        {"trailing_stop_active": True, "trailing_stop_perc": Decimal(1), "take_profit_perc": Decimal(9)},
        does="cancelled_stop",
    ),
    Scenario("stop filled", (*_UP, 10, (-800, -800, 0), 10, 10, 10), 4, does="stop:FILLED"),
    Scenario("take profit filled", (*_UP, 10, (1_000, 0, 1_000), 10, 10, 10), 4, does="take_profit:FILLED"),
    Scenario("gap beyond the stop at placing", (*_UP, 10, 10, 10, 10), 1, {"stop_loss_perc": Decimal("0.01")}),
)


@dataclass
class Report:
    """What was seen."""

    cases: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass."""
        wrong = []
        if self.cases < LEAST_CASES:
            wrong.append(f"only {self.cases} cases")
        if len(self.steps) < LEAST_STEPS:
            wrong.append(f"only {len(self.steps)} different steps: {sorted(self.steps)}")
        return [*wrong, *self.wrong[:10]]

    def lines(self) -> list[str]:
        """Return the figures as text."""
        return [
            f"{self.cases} worker processes killed at {len(self.steps)} different steps in {self.seconds:.0f} s",
            "  scenarios: " + ", ".join(f"{name} {number}" for name, number in sorted(self.seen.items())),
            f"  cases in which two clean ticks left a difference: {len(self.wrong)}",
        ]


def prove(progress: Callable[[int], None] | None = None, *, seed: int = 1) -> Report:
    """Play every scenario on both markets; nothing is drawn, the seed is for the other proofs' sake."""
    del seed
    report, began = Report(), time.perf_counter()
    with server() as one, copied(one, made_template(one)) as database:
        for market in ("spot", "futures"):
            for scenario in SCENARIOS:
                prove_scenario(database, scenario, market, report)
                if progress is not None:
                    progress(report.cases)
    report.seconds = time.perf_counter() - began
    return report


def prove_scenario(database: TestDatabase, scenario: Scenario, market: str, report: Report) -> None:
    """Kill a worker at each step of one scenario's tick."""
    name = f"{scenario.name}, {market}"
    steps = _recorded_steps(database, scenario, market)
    with stage(database, rows_of(scenario.moves)) as on:
        bots = [on.add_bot(position_type=market, **scenario.bot) for _ in steps]
        for minute in range(scenario.minute):
            on.move_market(minute)
            tick = on.worker()  # each has a minute's request weight of its own
            for bot in bots:
                tick(bot, minute)
        on.move_market(scenario.minute)
        for number, (bot, step) in enumerate(zip(bots, steps, strict=True), start=1):
            ended = _killed_tick(on, bot, scenario.minute, number)
            report.cases += 1
            report.steps[step] += 1
            report.seen[name] += 1
            if ended != signal.SIGKILL:
                report.wrong.append(f"{name}: the tick was not killed at {step} but ended with {ended}")
        for minute in (scenario.minute + 1, scenario.minute + 2):
            on.let_time_pass()
            on.move_market(minute)
            tick = on.worker()
            for bot in bots:
                tick(bot, minute)
        for bot, step in zip(bots, steps, strict=True):
            said = on.differences(bot)
            held = abs(on.venue(bot).position)
            if on.venue(bot).protected_quantity() < held - Decimal("0.00002"):
                said.append(f"{held} is held without a stop")
            report.wrong += [f"{name}, killed at {step}: {one}" for one in said]


def _recorded_steps(database: TestDatabase, scenario: Scenario, market: str) -> list[str]:
    steps: list[str] = []
    with stage(database, rows_of(scenario.moves)) as on:
        bot = on.add_bot(position_type=market, **scenario.bot)
        tick = on.worker()
        for minute in range(scenario.minute):
            on.move_market(minute)
            tick(bot, minute)
        on.move_market(scenario.minute)
        report = on.worker(steps.append)(bot, scenario.minute)
    assert not scenario.does or scenario.does in report.actions, f"{scenario.name} on {market} did {report}"
    return steps


def _killed_tick(on: Stage, bot: int, minute: int, number: int) -> int:
    """Run a tick in a forked process that ends itself at its step `number`; return the signal that ended it."""
    with warnings.catch_warnings():
        # The exchange's threads stay behind; the child opens connections of its own.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        passed = 0

        def step(_: str) -> None:
            nonlocal passed
            passed += 1
            if passed == number:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            on.worker(step)(bot, minute)
        except BaseException:  # noqa: BLE001  a child that came back would go on as its parent
            traceback.print_exc()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def main() -> int:
    """Run the proof from the command line."""
    report = prove(lambda done: print(f"kills: {done}", file=sys.stderr))
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
