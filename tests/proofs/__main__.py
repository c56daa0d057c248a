"""`make prove`: run every proof of this package and write docs/proofs.md.

A proof is a module that `python -m` runs: it prints its figures and ends with 0 where it holds.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING

import tests.proofs
from infra.local.state import REPOSITORY, state_root
from tests.proofs.code_key import commit_of, files_of, key_of

if TYPE_CHECKING:
    from pathlib import Path

PAGE = REPOSITORY / "docs" / "proofs.md"
_HEAD = """# Proofs

Written by `make prove`: {date}, commit {commit}, seed {seed}, {cores} cores {machine}, Python {python}.
{bounds}
Each proof fails by itself where it saw too little; a bounded share of each runs with the tests.
`make prove PROOFS="histories mutants"` runs some and keeps what the others gave, for as long as no file that they run
changes; each names the commit that it ran at. `HISTORIES=n` and `SEED=n` choose how many histories and which; a stopped
run of histories goes on where it ended, also at a later commit whose worker, exchange and simulation are the same.
`python -m tests.proofs.histories --replay SEED` prints one history step by step.
"""


def proofs() -> dict[str, str]:
    """Return the first paragraph of what each proof of this package says of itself, by the proof's name."""
    found = {}
    for one in pkgutil.iter_modules(tests.proofs.__path__):
        if one.name.startswith("_"):
            continue
        module = importlib.import_module(f"tests.proofs.{one.name}")
        if hasattr(module, "main") or (one.ispkg and find_spec(f"{module.__name__}.__main__")):
            found[one.name] = (module.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
    return found


def _run(name: str, asked: argparse.Namespace) -> tuple[str, bool]:
    """Run one; return its figures and whether it passed. Its progress goes to the terminal."""
    command = [sys.executable, "-m", f"tests.proofs.{name}"]
    if name in {"histories", "mutants"}:
        command += ["--seed", str(asked.seed)]
    if name == "histories":
        # Another version of the code plays other histories.
        command += ["--keep", str(_kept(name, asked.seed) / "histories.json")]
        command += ["--part", f"{commit_of(files_of(name))} on {datetime.now(UTC):%Y-%m-%d}"]
        command += ["--count", str(asked.histories)] if asked.histories else []
    ran = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    return ran.stdout.rstrip(), ran.returncode == 0


def _kept(name: str, seed: int) -> Path:
    """Return where a proof's figures are kept for as long as what it runs is what it is now."""
    return state_root() / "proofs" / f"{name}-{key_of(files_of(name))}-{seed}"


def main() -> int:
    """Run from the command line."""
    known = proofs()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="proof", help=f"some of {', '.join(known)}; all without a name")
    parser.add_argument("--histories", type=int, default=0, help="how many of the 100,000 histories to play")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if unknown := set(asked.names) - known.keys():
        parser.error(f"no such proof: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    has_passed = True
    for name, what in known.items():
        if asked.names and name not in asked.names:
            continue
        kept, commit = _kept(name, asked.seed), commit_of(files_of(name))
        figures, passed = _run(name, asked)
        files_of.cache_clear()
        if _kept(name, asked.seed) != kept:
            figures, passed = f"{figures}\nwhat it runs was changed while it ran: run it again", False
        has_passed = has_passed and passed
        verdict = "Passed" if passed else "**Failed**"
        verdict = f"{verdict} at commit {commit}, seed {asked.seed}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
        print(f"\n{name}\n{figures}\n{verdict}", flush=True)
        kept.mkdir(parents=True, exist_ok=True)
        (kept / "section.md").write_text(f"\n## {name}\n\n{what}\n\n```text\n{figures}\n```\n\n{verdict}\n")
        _write(asked.seed, list(known))
    print(f"\nwritten: {PAGE.relative_to(REPOSITORY)}")
    return 0 if has_passed else 1


def _write(seed: int, known: list[str]) -> None:
    """Write the page from all that was proved of the code as it is now."""
    there = {one: section for one in known if (section := _kept(one, seed) / "section.md").exists()}
    missing = [one for one in known if one not in there]
    head = _HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        commit=commit_of(),
        seed=seed,
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        bounds=f"Not run with the code of this commit: {', '.join(missing)}.\n" if missing else "",
    )
    PAGE.write_text(head + "".join(one.read_text() for one in there.values()))


if __name__ == "__main__":
    sys.exit(main())
