"""`make reset`: forget what the local run keeps. Refuses while a run is using it."""

from __future__ import annotations

import shutil
import sys

from infra.local.postgres import EmbeddedPostgres
from infra.local.state import LocalError, locked, state_root


def main() -> int:
    """Remove every market's state; return the exit code."""
    root = state_root()
    try:
        for state in sorted(path for path in root.glob("*") if path.is_dir()):
            with locked(state):
                EmbeddedPostgres(state / "postgres").remove()
                shutil.rmtree(state)
    except LocalError as error:
        print(f"Cannot reset: {error}", file=sys.stderr)
        return 1
    print(f"Nothing is left in {root}. The next `make up` starts over.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
