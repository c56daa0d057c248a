"""`make bench`: measure, print, and write docs/figures.md with date, machine and commit."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from infra.local.state import REPOSITORY
from tests.bench.startup import measure_startups
from tests.bench.ticks import TickFigures, measure_ticks

FIGURES = REPOSITORY / "docs" / "figures.md"


def _machine() -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.stdout.strip()}, {os.cpu_count()} cores"
        f" {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at the start"
    )


def _table(ticks: TickFigures) -> str:
    rows = "\n".join(
        f"| {cost.market} | {cost.kind} | {cost.ticks} | {' | '.join(cost.with_goals())} | {cost.own_p90_ms:.1f} |"
        f" {cost.waited_ms:.1f} | {cost.waited_for_others_ms:.1f} |"
        for cost in ticks.costs
    )
    return f"""\
| market | tick | seen | statements | requests | weight | own ms | own ms, 90 % | waited ms | for others ms |
|---|---|---|---|---|---|---|---|---|---|
{rows}

Bot ticks a second in the replay: {ticks.ticks_per_second:.1f}."""


def _page(machine: str, startups: dict[str, float], alone: TickFigures, at_once: TickFigures) -> str:
    starts = "\n".join(f"| {name} | {seconds:.1f} |" for name, seconds in startups.items())
    return f"""# Figures

Written by `make bench`: {machine}. Absolute times hold for that machine and moment only.

## Ticks of bot_runner, warm

A replay of two hours of real minutes with {alone.bots} bots through rule, dispatcher, bot_runner processes, ccxt over
HTTP and Postgres, all on this machine. Own time is the wall clock without what the tick waited for the exchange's
answers ("waited") and for another bot that was asking for the same candle ("for others": its pauses between looks; the
looks themselves are own time and statements). Statements are those sent to Postgres (a transaction's begin and commit
are not among them); requests go to the exchange, and weight is what they are counted as of its limit of 6,000 (spot) or
2,400 (futures) a minute, an order of futures as 1 though it costs the address nothing. Medians; after a slash the most
that was aimed for, which is meant for a bot with nothing beside it.

### One bot after another

One process of bot_runner (BotRunnerConcurrency 1): beside a tick stand only Postgres, the exchange and what invokes.

{_table(alone)}

### All bots at the same moment

In up to {at_once.bots} processes, which share the cores with each other, Postgres, the exchange and the dispatcher.

{_table(at_once)}

## `make up` until bots tick

| start | seconds |
|---|---|
{starts}
"""


def main() -> int:
    """Run every benchmark; return the exit code."""
    machine = _machine()
    folder = Path(tempfile.mkdtemp(prefix="tradebot-bench-"))
    try:
        print("Measuring ticks: two hours of real minutes, one bot after another ...", flush=True)
        alone = measure_ticks(folder / "alone", at_once=False)
        print("Measuring ticks: the same with all bots at once ...", flush=True)
        at_once = measure_ticks(folder / "at_once", at_once=True)
        print("Measuring make up: a fresh clone, then twice more ...", flush=True)
        startups = measure_startups(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    page = _page(machine, startups, alone, at_once)
    FIGURES.write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
