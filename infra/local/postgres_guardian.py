"""Shut a Postgres down when the last process that used it is gone, however it went. Standard library only.

Users hold a shared lock on one file. The guardian waits for the exclusive one, which the kernel grants when no user is
left: after a SIGKILL as well as after an orderly end.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SHUTDOWN_SECONDS = 20.0


def server_process(data: Path) -> int | None:
    """Return the process id of the postmaster that runs on `data`; None where none does.

    postmaster.pid outlives a SIGKILL, and its number may be another process's by now.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if str(data) in _command(pid) else None


def _command(pid: int) -> list[str]:
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return []
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)  # nosec B607
    return shown.stdout.split()


def shut_down(data: Path) -> None:
    """Stop the postmaster on `data` (sessions are rolled back); at once and by force where it takes too long."""
    for request, patience_seconds in (
        (signal.SIGINT, SHUTDOWN_SECONDS),
        (signal.SIGQUIT, SHUTDOWN_SECONDS),
        (signal.SIGKILL, SHUTDOWN_SECONDS),
    ):
        deadline = time.monotonic() + patience_seconds
        pid = server_process(data)
        if pid is None:
            return
        os.kill(pid, request)
        while server_process(data) is not None and time.monotonic() < deadline:
            time.sleep(0.01)


def main(directory: Path, data: Path) -> None:
    """Wait for the users of `directory` to be gone; then stop the server on `data`."""
    with (directory / "guardian.lock").open("a") as own, (directory / "use.lock").open("a") as use:
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return  # there is one already
        # Who started us has not finished starting before this lock is held.
        print(flush=True)
        fcntl.flock(use, fcntl.LOCK_EX)
        shut_down(data)
        # Whoever waits for our lock wants this process to be gone: the lock goes with it, not before.
        os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
