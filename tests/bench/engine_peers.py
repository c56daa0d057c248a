"""`make bench-peers`: our engine against others, the same bot on the same candles, in environments of their own.

A run of ours stands beside each run of theirs. Slow ones get fewer candles, and so does ours beside them; one that
takes longer than it may is said to have taken more than that.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.bench.engine_candles import YEAR, generate, write
from tests.bench.engine_figures import table
from tests.bench.engine_figures import write as write_figures
from tests.bench.engine_programs import ROOT, Program, TimedOutError, once, runtimes, write_job

PROGRAMS: Final = Path(__file__).parent / "peers"
#: Each in an environment of its own, for what one requires holds another back.
ENVIRONMENTS: Final = {
    "peers": ("vectorbt[rust]==1.2.0", "backtesting==0.6.6", "backtrader==1.9.78.123", "numpy<3", "pandas<4"),
    "freqtrade": ("freqtrade==2026.9",),
    "nautilus": ("nautilus_trader==1.221.0",),
}
PACKED: Final = [sys.executable, str(Path(__file__).with_name("engine_packed_worker.py"))]
DOMAIN: Final = [sys.executable, "-m", "tests.bench.engine_worker"]
#: A twelfth of a year: nobody waits for the slow ones to do the whole.
PART: Final = YEAR // 12
SECONDS: Final = 120


@dataclass(frozen=True)
class Peer:
    """One program: its name, environment, file, arguments, candles, repetitions and what we aim at beside it."""

    name: str
    environment: str
    program: str
    arguments: tuple[str, ...]
    candles: int
    repetitions: int
    goal: int

    @property
    def command(self) -> list[str]:
        return [str(python_of(self.environment)), str(PROGRAMS / self.program)]


PEERS: Final = (
    Peer("vectorbt rust", "peers", "run_vectorbt.py", ("--engine", "rust"), YEAR, 11, 10),
    Peer("vectorbt numba", "peers", "run_vectorbt.py", ("--engine", "numba"), YEAR, 11, 10),
    Peer("backtesting.py", "peers", "run_backtesting.py", (), PART, 3, 300),
    Peer("freqtrade", "freqtrade", "run_freqtrade.py", (), PART, 1, 3_000),
    Peer("backtrader", "peers", "run_backtrader.py", (), PART, 1, 3_000),
    Peer("nautilus_trader", "nautilus", "run_nautilus.py", (), PART, 1, 3_000),
)
SEARCHERS: Final = (
    Peer("vectorbt rust", "peers", "run_vectorbt.py", ("--search", "--engine", "rust"), YEAR, 3, 25),
    Peer("vectorbt numba", "peers", "run_vectorbt.py", ("--search", "--engine", "numba"), YEAR, 3, 25),
)


def python_of(environment: str) -> Path:
    """Return the interpreter of an environment."""
    return ROOT / f".venv-{environment}" / "bin" / "python"


def install(environment: str) -> bool:
    """Make an environment of the peers, once; tell whether it is there."""
    folder, wanted = ROOT / f".venv-{environment}", "\n".join(ENVIRONMENTS[environment])
    mark = folder / "installed"
    if mark.is_file() and mark.read_text() == wanted:
        return True
    uv = str(Path(sys.executable).with_name("uv"))
    print(f"Installing {', '.join(ENVIRONMENTS[environment])} into {folder.name} ...", flush=True)
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
    python = str(python_of(environment))
    command = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    if subprocess.run([*command, *ENVIRONMENTS[environment]], check=False, timeout=900).returncode:
        return False
    mark.write_text(wanted)
    return True


def warm(peer: Peer, path: Path, ours: list[str], arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a row: medians of interleaved runs after one that warms up, and their ratio."""
    try:
        with (
            Program([*peer.command, str(path), str(peer.candles), *peer.arguments], SECONDS) as theirs,
            Program([*ours, str(path), str(peer.candles), *arguments], SECONDS) as own,
        ):
            theirs.run()
            own.run()
            # Ours is short: the best of the moment would flatter it, the median of three does not.
            pairs = [
                (theirs.run(), sorted((own.run() for _ in range(3)), key=lambda run: float(run["seconds"]))[1])
                for _ in range(peer.repetitions)
            ]
    except TimedOutError:
        return (peer.name, f"{peer.candles:,}", f"> {SECONDS} s", "", "", "", f"{peer.goal:,}x", "", "", "")
    slow, fast = (median(pair[side]["seconds"] for pair in pairs) for side in (0, 1))
    more, less = (median(pair[side]["cpu"] for pair in pairs) for side in (0, 1))
    last, mine = pairs[-1]
    row = (
        peer.name,
        f"{peer.candles:,}",
        f"{slow * 1e3:,.1f} ms",
        f"{fast * 1e3:,.2f} ms",
        f"{slow / fast:,.1f}x",
        f"{more / less:,.1f}x",
        f"{peer.goal:,}x",
        f"{last['mib']:,.0f} / {mine['mib']:,.0f} MiB = {last['mib'] / mine['mib']:.1f}x",
        f"{last['trades']:,} / {mine['trades']:,}",
        f"{last['equity']:,.2f} / {mine['equity']:,.2f}",
    )
    print(*row, sep=" | ", flush=True)
    return row


def cold(path: Path, repetitions: int = 2) -> list[tuple[str, ...]]:
    """Return rows: from the start of a process to its result, interleaved; the first of each fills the caches."""
    python = str(python_of("peers"))
    programs = {
        "vectorbt rust": ([python, str(PROGRAMS / "run_vectorbt.py")], 40),
        "pandas worker (signals only)": ([python, str(PROGRAMS / "run_pandas_worker.py")], 10),
    }
    arguments = [str(path), str(YEAR), "--once"]
    rows: list[tuple[str, ...]] = []
    for name, (command, goal) in programs.items():
        for version, ours in runtimes().items():
            worker = [ours, PACKED[1]]
            pairs = [
                (once([*command, *arguments]), sorted(once([*worker, *arguments]) for _ in range(5))[2])
                for _ in range(repetitions + 1)
            ][1:]
            slow, fast = (median(pair[side].wall for pair in pairs) for side in (0, 1))
            more, less = (median(pair[side].cpu for pair in pairs) for side in (0, 1))
            ratios = (f"{slow / fast:.1f}x", f"{more / less:.1f}x", f"{goal}x")
            rows.append((name, f"{slow:.2f} s", f"{fast * 1e3:.0f} ms, Python {version}", *ratios))
            print(*rows[-1], sep=" | ", flush=True)
    return rows


NOTES: Final = """
EMA 9/21 cross, RSI 14 below 70, stop 2 %, target 4 %, trailing stop 1.5 % (nearer, so the fixed stop never acts), 0.1 %
fee, fills at the next open, entries of 1,000 quote; a generated random walk, on which the cross ends every position
before a stop does. Round trips and final equity stand as theirs / ours; vectorbt's were compared by number only. Ours
runs a packed job (tests/bench/engine_packed_worker.py); in a search it is `simulate`, as many sets at a time as there
are cores. vectorbt's search is one run over ten columns, its own way.
Where round trips or equity differ: vectorbt and backtesting.py start their averages from the first value (they converge
during the warm-up); vectorbt and backtrader round neither quantities to a step nor prices to a tick; backtesting.py
trades whole units of a divided price and moves its trailing stop only at a close; it and freqtrade count the position
that is open at the end. The pandas worker works out signals and a curve without any stop: less than the others do.
The peers run on the headline's Python; where ours ran on another one, its version stands beside it. "Of CPU" is the
ratio of processor times, which other work on the machine changes least.
"""


def main() -> int:
    """Measure and write."""
    present = {environment for environment in ENVIRONMENTS if install(environment)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "year.bin"
        write(generate(YEAR), path)
        write_job(path)
        head = (
            "engine",
            "candles",
            "warm",
            "ours",
            "ratio",
            "of CPU",
            "goal",
            "peak memory",
            "round trips",
            "final equity",
        )
        peers = [peer for peer in PEERS if peer.environment in present]
        starts = cold(path)
        searches = [warm(peer, path, DOMAIN, ("--search",)) for peer in SEARCHERS]
        text = table(head, [warm(peer, path, PACKED) for peer in peers])
        text += "\nA search over 10 parameter sets, all of them:\n\n" + table(head, searches)
        text += "\nFrom the start of a process to its result, one year:\n\n"
        text += table(("engine", "cold", "ours", "ratio", "of CPU", "goal"), starts)
        absent = ENVIRONMENTS.keys() - present
        text += f"\nDid not install here: {', '.join(sorted(absent))}.\n" if absent else ""
        write_figures("make bench-peers", text + NOTES)
    return 0


if __name__ == "__main__":
    sys.exit(main())
