"""`make bench-peers`: our engine against others, the same bot on the same candles, in an environment of their own.

A run of ours stands beside each run of theirs. Slow ones get fewer candles, and so does ours beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.engine_candles import YEAR, generate, write
from tests.bench.engine_figures import table
from tests.bench.engine_figures import write as write_figures

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-peers"
PROGRAMS = Path(__file__).parent / "peers"
PACKAGES = ("vectorbt[rust]==1.2.0", "backtesting==0.6.6", "backtrader==1.9.78.123", "numpy<3", "pandas<4")
OURS = [sys.executable, "-m", "tests.bench.engine_worker"]
GOALS = {"vectorbt rust": 10, "vectorbt numba": 10, "backtesting.py": 300, "backtrader": 3_000}


@dataclass(frozen=True)
class Peer:
    """One program: its name, file, arguments, candles and repetitions."""

    name: str
    program: str
    arguments: tuple[str, ...]
    candles: int
    repetitions: int

    @property
    def command(self) -> list[str]:
        return [str(ENVIRONMENT / "bin" / "python"), str(PROGRAMS / self.program)]


PEERS = (
    Peer("vectorbt rust", "run_vectorbt.py", ("--engine", "rust"), YEAR, 9),
    Peer("vectorbt numba", "run_vectorbt.py", ("--engine", "numba"), YEAR, 9),
    Peer("backtesting.py", "run_backtesting.py", (), YEAR // 12, 2),
    Peer("backtrader", "run_backtrader.py", (), YEAR // 12, 2),
)


class Program:
    """A program that waits for the word to run."""

    def __init__(self, command: list[str], path: Path, count: int, arguments: tuple[str, ...] = ()) -> None:
        self._process = subprocess.Popen(
            [*command, str(path), str(count), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a program of the comparison ended: {self._process.args!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self) -> dict[str, Any]:
        """Run once; return seconds, trades, equity and peak memory."""
        assert self._process.stdin is not None
        self._process.stdin.write("run\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def install() -> None:
    """Make the environment of the peers, once."""
    mark = ENVIRONMENT / "installed"
    wanted = "\n".join(PACKAGES)
    if mark.is_file() and mark.read_text() == wanted:
        return
    uv = str(Path(sys.executable).with_name("uv"))
    print(f"Installing {', '.join(PACKAGES)} into {ENVIRONMENT.name} ...", flush=True)
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)], check=True)
    python = str(ENVIRONMENT / "bin" / "python")
    subprocess.run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *PACKAGES], check=True)
    mark.write_text(wanted)


def warm(peer: Peer, path: Path) -> tuple[str, ...]:
    """Return a row: medians of interleaved runs after one that warms up, and their ratio."""
    theirs, ours = Program(peer.command, path, peer.candles, peer.arguments), Program(OURS, path, peer.candles)
    theirs.run()
    ours.run()
    # Ours is short: the best of the moment would flatter it, the median of three does not.
    pairs = [
        (theirs.run(), sorted((ours.run() for _ in range(3)), key=lambda run: float(run["seconds"]))[1])
        for _ in range(peer.repetitions)
    ]
    theirs.end()
    ours.end()
    slow, fast = (median(pair[side]["seconds"] for pair in pairs) for side in (0, 1))
    last, own = pairs[-1]
    return (
        peer.name,
        f"{peer.candles:,}",
        f"{slow * 1e3:,.1f} ms",
        f"{fast * 1e3:,.2f} ms",
        f"{slow / fast:,.0f}x",
        f"{GOALS[peer.name]:,}x",
        f"{last['mib']:,.0f} / {own['mib']:,.0f} MiB = {last['mib'] / own['mib']:.1f}x",
        f"{last['trades']:,} / {own['trades']:,}",
        f"{last['equity']:,.2f} / {own['equity']:,.2f}",
    )


def cold(path: Path, repetitions: int = 3) -> list[tuple[str, ...]]:
    """Return rows: from the start of a process to its result, interleaved; the first of each fills the caches."""
    python = str(ENVIRONMENT / "bin" / "python")
    commands = {
        "vectorbt rust": ([python, str(PROGRAMS / "run_vectorbt.py")], 40),
        "pandas worker (signals only)": ([python, str(PROGRAMS / "run_pandas_worker.py")], 10),
    }
    rows: list[tuple[str, ...]] = []
    for name, (command, goal) in commands.items():
        pairs = [(once(command, path), median(once(OURS, path) for _ in range(3))) for _ in range(repetitions + 1)][1:]
        slow, fast = (median(pair[side] for pair in pairs) for side in (0, 1))
        rows.append((name, f"{slow:,.2f} s", f"{fast * 1e3:,.0f} ms", f"{slow / fast:,.1f}x", f"{goal}x"))
    return rows


def once(command: list[str], path: Path) -> float:
    """Return the seconds of a whole process."""
    # With bytecode, as everything is installed and shipped.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    subprocess.run(
        [*command, str(path), str(YEAR), "--once"],
        check=True,
        capture_output=True,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    return time.perf_counter() - begin


NOTES = """
EMA 9/21 cross, RSI 14 below 70, stop 2 %, target 4 %, trailing stop 1.5 % (nearer, so the fixed stop never acts), 0.1 %
fee, fills at the next open, entries of 1,000 quote; a generated random walk. Round trips and final equity stand as
theirs / ours. Where they differ:
vectorbt and backtesting.py start their averages from the first value (they converge during the warm-up), and vectorbt
rounds neither quantities to a step nor prices to a tick; its round trips were compared by number only. backtesting.py
trades whole units of a divided price, moves its trailing stop only at a close, and counts the position that is open at
the end. backtrader's stop trails in its own order of events; what makes its count another was not traced further. Left
out and not run: freqtrade and nautilus_trader (the latter's requirements would also hold vectorbt back at 1.0).
The pandas worker works out signals and a curve without any stop: less than the others do.
"""


def main() -> int:
    """Measure and write."""
    install()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.bin"
        write(generate(YEAR), path)
        head = ("engine", "candles", "warm", "ours", "ratio", "goal", "peak memory", "round trips", "final equity")
        text = table(head, [warm(peer, path) for peer in PEERS])
        text += "\nFrom the start of a process to its result, one year:\n\n"
        text += table(("engine", "cold", "ours", "ratio", "goal"), cold(path))
        write_figures("make bench-peers", text + NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
