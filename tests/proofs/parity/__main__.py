"""Runs the proof from the command line."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from infra.local.state import state_root
from tests.fixtures.database import TestServer, copied, made_template
from tests.proofs.parity import FULL_COUNT, prove
from tests.proofs.parity.stage import stage_on

if TYPE_CHECKING:
    from tests.proofs.parity.compare import Report


def main() -> int:
    """Play the cases, and say what they showed."""
    parser = argparse.ArgumentParser(description="Random bots, live and backtested: the same trades?")
    parser.add_argument("--examples", type=int, default=FULL_COUNT)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shrink", action="store_true", help="make a case that differs small before it is shown")
    asked = parser.parse_args()

    def progress(report: Report) -> None:
        if report.cases * 20 % asked.examples < 20:
            print(f"parity: {report.cases} of {asked.examples} bots, {report.ticks} ticks", file=sys.stderr)

    one = EmbeddedPostgres(state_root() / "tests" / "postgres", settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    with one as url:
        server = TestServer(url, one.superuser_url)
        with copied(server, made_template(server)) as database, stage_on(database) as stage:
            report = prove(asked.examples, asked.seed, stage, progress, shrinks=asked.shrink)
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
