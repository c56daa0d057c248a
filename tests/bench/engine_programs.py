"""Programs of a comparison: started, told to run, timed from their start to their end, and bounded in time."""

from __future__ import annotations

import json
import os
import platform
import resource
import select
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from infra.build.runtime_python import find
from tests.bench.engine_candles import PRICE_DECIMALS
from tests.bench.engine_setup import bench_setup
from tradebot.engine.kernel.run import first_job

if TYPE_CHECKING:
    from types import TracebackType

ROOT: Final = Path(__file__).resolve().parents[2]


class TimedOutError(Exception):
    """A program took longer than it may."""


def write_job(path: Path) -> None:
    """Write the comparison's bot beside a file of candles, as engine_packed_worker.py reads it."""
    job = first_job(bench_setup(), PRICE_DECIMALS)
    if job is None:
        raise SystemExit("there is no compiled engine here: `make install` makes it")
    Path(f"{path}.job").write_bytes(job)


@cache
def runtimes() -> dict[str, str]:
    """Return interpreters by version: this one, and the functions' own where this machine has it."""
    found = {platform.python_version(): sys.executable}
    if (python := find()) is not None:
        answer = subprocess.run([str(python), "-V"], check=True, capture_output=True, text=True)
        found.setdefault(answer.stdout.split()[1], str(python))
    return found


def environment() -> dict[str, str]:
    """Return what a program finds: our packages, and bytecode kept from the first start on."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": f"{ROOT / 'layers' / 'core'}{os.pathsep}{ROOT}"}


class Took(NamedTuple):
    """Seconds on the clock, and of processors: what a busy machine adds to the first it does not add to the second."""

    wall: float
    cpu: float


def once(command: list[str]) -> Took:
    """Return how long a program takes from its start to its end."""
    given = environment()
    begin, worked = time.perf_counter(), _children()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, stdin=subprocess.DEVNULL, env=given)
    return Took(time.perf_counter() - begin, _children() - worked)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Program:
    """A program that waits for the word to run: tests/bench/peers/serving.py."""

    def __init__(self, command: list[str], seconds: int) -> None:
        self._seconds = seconds
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], self._seconds)
        if not ready:
            self._process.kill()
            raise TimedOutError
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a program of the comparison ended: {self._process.args!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self) -> dict[str, Any]:
        """Run once; return seconds, processor time, trades, equity and peak memory."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._answer()
