"""A function's log: what its processes print, between the START, END and REPORT lines that Lambda writes."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import BinaryIO

TAIL_READ_BYTES = 256 * 1024
#: A log that has grown to this is put aside as `.log.1`, in the place of the one before.
ROTATE_BYTES = 32 * 1024 * 1024


class FunctionLog:
    """Appends whole lines of any number of processes to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        self._file: BinaryIO = self.path.open("ab", buffering=0)
        self._size = self._file.tell()

    def write(self, text: bytes) -> None:
        """Append, whole."""
        with self._lock:
            if self._file.closed:
                return
            self._file.write(text)
            self._size += len(text)
            if self._size >= ROTATE_BYTES:
                self._file.close()
                self.path.replace(self.path.with_suffix(".log.1"))
                self._open()

    def close(self) -> None:
        """Close the file; what comes later is dropped."""
        with self._lock:
            self._file.close()

    def tail(self, lines: int = 50) -> str:
        """Return the log's last lines."""
        with self.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL_READ_BYTES))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])


def start_line(request_id: str) -> bytes:
    """Return what Lambda writes before the handler runs."""
    return f"START RequestId: {request_id} Version: $LATEST\n".encode()


def end_lines(
    request_id: str, *, duration_ms: float, memory_mb: int, used_mb: int, init_ms: float | None, status: str = ""
) -> bytes:
    """Return what Lambda writes after the handler has run."""
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(duration_ms + (init_ms or 0))} ms",
        f"Memory Size: {memory_mb} MB",
        f"Max Memory Used: {used_mb} MB",
    ]
    if init_ms is not None:
        fields.append(f"Init Duration: {init_ms:.2f} ms")
    if status:
        fields.append(f"Status: {status}")
    return f"END RequestId: {request_id}\n".encode() + ("\t".join(fields) + "\n").encode()


def peak_memory_mb(pid: int) -> int:
    """Return the most memory that the process ever had resident, 0 where the system does not say."""
    try:
        with Path(f"/proc/{pid}/status").open("rb") as status:
            line = next(line for line in status if line.startswith(b"VmHWM:"))
        return int(line.split()[1]) // 1024
    except (OSError, StopIteration, IndexError):
        return 0
