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

import tests.proofs
from infra.local.state import REPOSITORY, state_root

PAGE = REPOSITORY / "docs" / "proofs.md"
_HEAD = """# Proofs

Written by `make prove`: {date}, commit {commit}, seed {seed}, {cores} cores {machine}, Python {python}.
{bounds}
Each proof fails by itself where it saw too little; a bounded share of each runs with the tests.
`make prove PROOFS="histories mutants"` runs some, `HISTORIES=n` and `SEED=n` choose how many histories and which;
a stopped run of histories goes on where it ended.
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
        command += ["--keep", str(state_root() / "proofs" / f"histories-{asked.seed}-{_commit()}.json")]
        command += ["--count", str(asked.histories)] if asked.histories else []
    ran = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False)
    return ran.stdout.rstrip(), ran.returncode == 0


def _commit() -> str:
    asked = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty", "--abbrev=9", "--exclude=*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


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
    sections, has_passed = [], True
    for name, what in known.items():
        if asked.names and name not in asked.names:
            continue
        figures, passed = _run(name, asked)
        has_passed = has_passed and passed
        verdict = "Passed." if passed else "**Failed.**"
        print(f"\n{name}\n{figures}\n{verdict}", flush=True)
        sections.append(f"\n## {name}\n\n{what}\n\n```text\n{figures}\n```\n\n{verdict}\n")
    bounds = []
    if asked.histories:
        bounds.append(f"The histories were bounded to {asked.histories:,}. ")
    if asked.names:
        bounds.append(f"Only {', '.join(asked.names)} ran. ")
    head = _HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        commit=_commit(),
        seed=asked.seed,
        cores=os.cpu_count(),
        machine=platform.machine(),
        python=platform.python_version(),
        bounds="".join(bounds) and "".join(bounds) + "\n",
    )
    PAGE.write_text(head + "".join(sections))
    print(f"\nwritten: {PAGE.relative_to(REPOSITORY)}")
    return 0 if has_passed else 1


if __name__ == "__main__":
    sys.exit(main())
