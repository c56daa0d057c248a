"""Measured figures, on the screen and in docs/figures-engine.md: each command replaces its own section there."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from pathlib import Path

FILE = Path(__file__).resolve().parents[2] / "docs" / "figures-engine.md"
TITLE = (
    "# Figures of the engine\n\n"
    "Written by the commands named below; ratios are of medians taken side by side in one run.\n"
)


def machine() -> str:
    """Return date, processor, cores, system and Python of this run."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file() and (found := re.search(r"model name\s*: (.+)", information.read_text())):
        model = found[1]
    today = dt.datetime.now(tz=dt.UTC).date()
    load = os.getloadavg()[0]
    return (
        f"{today}, {model} ({platform.machine()}), {os.cpu_count()} cores, load {load:.1f}, "
        f"{platform.system()}, Python {platform.python_version()}."
    )


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def write(command: str, text: str) -> None:
    """Print a section and put it in its place in the file."""
    section = f"## `{command}`\n\n{machine()}\n\n{text}"
    print(section)
    kept = FILE.read_text() if FILE.is_file() else TITLE
    parts = re.split(r"(?m)^(?=## `)", kept)
    others = [part.rstrip() for part in parts[1:] if not part.startswith(f"## `{command}`")]
    FILE.write_text("\n\n".join([parts[0].rstrip(), *sorted([*others, section.rstrip()])]) + "\n")
