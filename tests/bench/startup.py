"""How long `make up` takes until bots tick: from a fresh clone, and again with everything in place."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from infra.local.state import REPOSITORY


def measure_startups(folder: Path) -> dict[str, float]:
    """Return seconds from typing `make up` to its word that it is ready."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(clone)], check=True)
    return {
        "cold: fresh clone, nothing installed (packages from the index or uv's cache)": _until_ready(clone),
        "warm, a state to go on from": _until_ready(clone),
        "warm, no state": _until_ready(clone, TRADEBOT_STATE=str(folder / "other state")),
    }


def _until_ready(clone: Path, **environment: str) -> float:
    began = time.monotonic()
    seconds = None
    with subprocess.Popen(
        ["make", "up", "MINUTES=1"],
        cwd=clone,
        env={"HOME": str(Path.home()), "PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            output.append(line)
            if seconds is None and "Ready" in line:
                seconds = time.monotonic() - began
    if seconds is None or process.returncode:
        raise RuntimeError("make up failed:\n" + "".join(output))
    return seconds
