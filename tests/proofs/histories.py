"""One order per decision, none lost, none unprotected: seeded histories of the real worker, on several processes.

`python -m tests.proofs.histories --count 100000 --seed 1 --keep FILE` shows progress, and the next run with the same
file goes on where it was stopped; `--replay SEED` prints the trace of one history.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from tests.proofs.simulation.database import server
from tests.proofs.simulation.history import play
from tests.proofs.simulation.world import simulated_world

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.database import TestServer
    from tests.proofs.simulation.world import World

FULL_COUNT = 100_000
_CHUNK = 20
#: Least of each in a hundred histories: a run that saw less of anything has proved nothing.
LEAST_PER_HUNDRED = {
    "orders": 250,
    "fills": 150,
    "orders stop NEW": 10,
    "orders stop FILLED": 10,
    "orders take_profit FILLED": 10,
    "cancelled_stop": 15,
    "partial fills": 10,
    "unknown": 5,
    "recovered": 5,
    "absent": 1,
    "kills": 8,
    "freezes": 8,
    "ticks busy": 10,
    "positions looked at": 100,
    "histories spot": 30,
    "histories futures": 30,
}


@dataclass
class Report:
    """What was seen."""

    seed: int
    count: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    #: What was wrong, by seed.
    wrong: dict[int, list[str]] = field(default_factory=dict)
    seconds: float = 0.0
    #: How many were played at which commit, on which day.
    parts: dict[str, int] = field(default_factory=dict)

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass."""
        wrong = [
            f"only {self.seen[name]} {name} in {self.count} histories"
            for name, least in LEAST_PER_HUNDRED.items()
            if self.seen[name] * 100 < least * self.count
        ]
        return [*wrong, *(f"seed {seed}: {said[0]}" for seed, said in sorted(self.wrong.items())[:10])]

    def lines(self) -> list[str]:
        """Return the figures as text."""
        seen = self.seen
        return [
            (
                f"seeds {self.seed} to {self.seed + self.count - 1}: {self.count} histories in {self.seconds:.0f} s, "
                f"{seen['orders']} orders, {seen['fills']} fills, {seen['partial fills']} partial fills, "
                f"{seen['orders stop FILLED']} stops and {seen['orders take_profit FILLED']} take profits filled, "
                f"{seen['cancelled_stop']} stops moved or taken back"
            ),
            (
                f"  {seen['unknown']} times unknown, {seen['absent']} proved absent, {seen['recovered']} recovered; "
                f"{seen['kills']} kills, {seen['freezes']} freezes, {seen['ticks busy']} ticks found another at work, "
                f"{seen['ticks lease_lost']} lost the lease"
            ),
            "  faults: " + ", ".join(f"{k[6:]} {n}" for k, n in sorted(seen.items()) if k.startswith("fault ")),
            f"  histories in which something was executed twice, lost or unprotected: {len(self.wrong)}",
            *([f"  played at {', '.join(f'{part}: {n}' for part, n in self.parts.items())}"] if self.parts else []),
        ]


def prove(
    count: int = FULL_COUNT,
    seed: int = 1,
    progress: Callable[[int], None] | None = None,
    *,
    processes: int = 2,
    keep: Path | None = None,
    part: str = "",
) -> Report:
    """Play `count` histories from `seed` on. `keep` is a file that a later run goes on from; `part` names this one."""
    began = time.perf_counter()
    report = _kept(keep, seed) or Report(seed)
    before = report.seconds
    chunks = [(first, min(first + _CHUNK, seed + count)) for first in range(seed + report.count, seed + count, _CHUNK)]
    with server() as one, ProcessPoolExecutor(processes, get_context("spawn"), _begin, (one,)) as pool:
        for (first, after), (seen, wrong) in zip(chunks, pool.map(_play_chunk, chunks), strict=True):
            report.seen += seen
            report.wrong |= wrong
            report.count = after - seed
            if part:
                report.parts[part] = report.parts.get(part, 0) + after - first
            report.seconds = before + time.perf_counter() - began
            if keep is not None:
                _keep(keep, report)
            if progress is not None:
                progress(after - seed)
    return report


_WORLD: list[World] = []
_OPEN = ExitStack()


def _begin(one: TestServer) -> None:
    gc.freeze()
    gc.set_threshold(50_000)  # a tenth of the time else: SQLAlchemy and ccxt make many small things that live on
    _WORLD.append(_OPEN.enter_context(simulated_world(one)))


def _play_chunk(chunk: tuple[int, int]) -> tuple[Counter[str], dict[int, list[str]]]:
    seen: Counter[str] = Counter()
    wrong: dict[int, list[str]] = {}
    for seed in range(*chunk):
        outcome = play(_WORLD[0], seed)
        seen += outcome.seen
        if outcome.wrong:
            wrong[seed] = outcome.wrong
    for name, number in list(seen.items()):
        if name.endswith(":UNKNOWN"):
            seen["unknown"] += number
        if name.endswith(":ABSENT"):
            seen["absent"] += number
        if name.startswith("recovered_"):
            seen["recovered"] += number
    return seen, wrong


def _keep(path: Path, report: Report) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    row = {"seed": report.seed, "count": report.count, "seen": report.seen, "wrong": report.wrong}
    # A run may be stopped at any moment, also in the middle of this.
    whole = path.with_suffix(".new")
    whole.write_text(json.dumps({**row, "seconds": report.seconds, "parts": report.parts}))
    whole.replace(path)


def _kept(path: Path | None, seed: int) -> Report | None:
    if path is None or not path.exists():
        return None
    row = json.loads(path.read_text())
    wrong = {int(one): said for one, said in row["wrong"].items()}
    if row["seed"] != seed:
        return None
    return Report(seed, row["count"], Counter(row["seen"]), wrong, row["seconds"], row["parts"])


def replay(seed: int) -> list[str]:
    """Return the trace of one history and what was wrong with it."""
    with server() as one, simulated_world(one) as world:
        outcome = play(world, seed)
    return [*outcome.trace, *(f"WRONG: {said}" for said in outcome.wrong)]


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=FULL_COUNT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a file that a run which was stopped goes on from")
    parser.add_argument("--part", default="", help="a name for what this run plays, such as the commit and the day")
    parser.add_argument("--replay", type=int)
    asked = parser.parse_args()
    if asked.replay is not None:
        print("\n".join(replay(asked.replay)))
        return 0
    report = prove(
        asked.count,
        asked.seed,
        lambda done: print(f"histories: {done} of {asked.count}", file=sys.stderr),
        processes=asked.processes,
        keep=asked.keep,
        part=asked.part,
    )
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
