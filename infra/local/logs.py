"""`make logs`: the functions' JSON logs of the latest run, readable, as they come."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from infra.local.state import state_root

if TYPE_CHECKING:
    from pathlib import Path

#: Fields that every line has and that say nothing to a reader.
NOISE = {
    "level", "location", "message", "timestamp", "service", "function_name", "function_memory_size", "function_arn",
    "function_request_id", "cold_start", "xray_trace_id", "exception", "exception_name", "stack_trace",
}  # fmt: skip
COLOURS = {"DEBUG": "dim", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
TAIL_LINES = 20


def readable(function: str, line: str) -> str | None:
    """Return a log line for the eye; None for metrics, which have their own reader, and for what only frames."""
    if line.startswith(("START RequestId", "END RequestId")):
        return None
    try:
        record: Any = json.loads(line)
    except ValueError:
        return f"[dim]{function:<12} {escape(line)}[/]"
    if not isinstance(record, dict) or "_aws" in record:
        return None
    colour = COLOURS.get(record.get("level", ""), "green")
    rest = " ".join(f"[dim]{escape(key)}=[/]{escape(str(value))}" for key, value in record.items() if key not in NOISE)
    trace = f"\n{escape(record['exception'])}" if record.get("exception") else ""
    when = str(record.get("timestamp", ""))[11:23]
    message = escape(str(record.get("message")))
    return f"{when} {function:<12} [{colour}]{record.get('level', ''):<7}[/] {message} {rest}{trace}"


def latest_logs() -> Path | None:
    """Return the log folder that was written to last."""
    folders = [path for path in state_root().glob("*/cloud/logs") if any(path.glob("*.log"))]
    return max(folders, key=lambda folder: max(log.stat().st_mtime for log in folder.glob("*.log")), default=None)


def main() -> int:
    """Print the tail of each log and follow them until Ctrl-C; return the exit code."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    folder = latest_logs()
    if folder is None:
        print("There are no logs yet: `make up` writes them.", file=sys.stderr)
        return 1
    # A log is named after the deployed function, <stack>-bot-runner; a reader knows it by its folder, bot_runner.
    paths = {path.stem.partition("-")[2].replace("-", "_"): path for path in folder.glob("*.log")}
    if wanted is not None and wanted not in paths:
        print(f"No log of {wanted!r}. There are: {', '.join(sorted(paths))}", file=sys.stderr)
        return 1
    console = Console(highlight=False, soft_wrap=True)
    offsets: dict[str, int] = {}
    try:
        while True:
            for name, path in sorted(paths.items()):
                if wanted in {None, name}:
                    offsets[name] = _print_new(console, name, path, offsets.get(name))
            time.sleep(0.3)
    except KeyboardInterrupt:
        return 0


def _print_new(console: Console, name: str, path: Path, offset: int | None) -> int:
    with path.open(encoding="utf-8", errors="replace") as log:
        log.seek(offset or 0)
        lines = log.read().splitlines()
        for line in lines if offset is not None else lines[-TAIL_LINES:]:
            text = readable(name, line)
            if text is not None:
                console.print(text)
        return log.tell()


if __name__ == "__main__":
    sys.exit(main())
