"""Writes layers/*/requirements.txt: each layer's share of requirements.lock, with the same versions and hashes.

python -m infra.build.layer_requirements          write them
python -m infra.build.layer_requirements --check  say which are out of date; exit status 1 if any is
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.build.layers import LAYERS, Layer

ROOT = Path(__file__).resolve().parents[2]
HEADER = (
    "# Generated from requirements.lock by infra/build/layer_requirements.py: change infra/build/layers.py, not this.\n"
)

_PINNED = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==")
_REASON = re.compile(r" +# +(?:via )?(?P<parent>[a-z0-9][a-z0-9._-]*)")


@dataclass
class Pin:
    """One distribution in the lock: its lines as they stand (one per marker), and who needs it."""

    lines: list[str]
    needed_by: set[str]


def read_lock(text: str) -> dict[str, Pin]:
    """Return the lock's distributions by name. Its `# via` comments are the dependency graph."""
    pins: dict[str, Pin] = {}
    pin: Pin | None = None
    for line in text.splitlines():
        if pinned := _PINNED.match(line):
            pin = pins.setdefault(pinned["name"], Pin([], set()))
            pin.lines.append(line)
        elif pin is not None and (reason := _REASON.match(line)):
            if reason["parent"] != "via":
                pin.needed_by.add(reason["parent"])
        elif pin is not None and line.strip().startswith("--hash="):
            pin.lines.append(line)
    return pins


def closure(pins: dict[str, Pin], layer: Layer) -> set[str]:
    """Return what the layer's distributions need, themselves included and `left_out` excluded."""
    unknown = [name for name in (*layer.distributions, *layer.left_out) if name not in pins]
    if unknown:
        raise SystemExit(f"not in requirements.lock: {', '.join(unknown)}; mend infra/build/layers.py")
    found = set(layer.distributions)
    while more := {
        name for name, pin in pins.items() if pin.needed_by & found and name not in found and name not in layer.left_out
    }:
        found |= more
    return found


def requirements(pins: dict[str, Pin], name: str) -> str:
    """Return the content of layers/<name>/requirements.txt."""
    layer = LAYERS[name]
    carried = closure(pins, layer)
    for below in layer.over:
        carried -= closure(pins, LAYERS[below]) | LAYERS[below].left_out.keys()
    lines = [line for distribution in sorted(carried) for line in pins[distribution].lines]
    return HEADER + "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check every layer's file."""
    pins = read_lock((ROOT / "requirements.lock").read_text())
    stale = []
    for name in LAYERS:
        path = ROOT / "layers" / name / "requirements.txt"
        wanted = requirements(pins, name)
        if path.is_file() and path.read_text() == wanted:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if "--check" not in arguments:
            path.write_text(wanted)
    if stale:
        print(("out of date: " if "--check" in arguments else "written: ") + ", ".join(stale))
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
