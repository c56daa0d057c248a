"""A job: setup and state as bytes, run by a process that knows nothing of the domain."""

from __future__ import annotations

import mmap
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.engine_candles import generate, write
from tests.bench.engine_setup import bench_setup
from tests.unit.kernel.cases import random_case
from tradebot.engine import backtest
from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.kernel import job as jobs
from tradebot.engine.kernel.library import kernel
from tradebot.engine.kernel.run import first_job, output_of, state_after

if TYPE_CHECKING:
    from tests.unit.kernel.cases import Case
    from tradebot.engine.backtest_state import BacktestState
    from tradebot.engine.candles import CandleArray
    from tradebot.engine.kernel.loop import Column

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(kernel() is None, reason="no compiled engine on this machine: `make install` makes it")


def columns_of(candles: CandleArray) -> tuple[Column, ...]:
    return (candles.open_time_ms, candles.open, candles.high, candles.low, candles.close)


def run_in_cuts(case: Case, cuts: list[int]) -> tuple[BacktestState, BacktestOutput]:
    """Run a case as jobs, each of which is written, read and gone before the next."""
    job = first_job(case.setup, case.candles.price_decimals)
    assert job is not None
    joined = BacktestOutput(case.setup.units)
    for begin, end in zip([0, *cuts], [*cuts, len(case.candles)], strict=True):
        done = jobs.run_job(job, columns_of(case.candles[begin:end]))
        assert done is not None
        job, rows = done
        joined.extend(output_of(case.setup, rows))
    return state_after(case.setup, job), joined


@pytest.mark.parametrize("seed", range(30))
def test_jobs_over_any_cut_give_the_plain_engines_bytes(seed: int) -> None:
    case = random_case(seed)
    dice = random.Random(seed)
    cuts = sorted(dice.randrange(len(case.candles) + 1) for _ in range(dice.randrange(4)))
    state, output = run_in_cuts(case, cuts)
    expected_state, expected = backtest.simulate(case.setup, case.candles)
    assert state.to_bytes() == expected_state.to_bytes()
    assert output == expected


def test_columns_of_a_mapped_file_are_read_where_they_lie_and_never_written(tmp_path: Path) -> None:
    candles, path = generate(5_000), tmp_path / "candles"
    write(candles, path)
    job = first_job(bench_setup(), candles.price_decimals)
    assert job is not None
    before = path.read_bytes()
    with path.open("rb") as file:
        content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)).cast("q")
    mapped = jobs.run_job(job, [content[number * 5_000 : (number + 1) * 5_000] for number in range(5)])
    arrays = jobs.run_job(job, columns_of(candles))
    assert mapped is not None
    assert arrays is not None
    assert mapped[0] == arrays[0]
    assert mapped[1].trades == arrays[1].trades
    assert mapped[1].equity == arrays[1].equity
    assert sum(mapped[1].trades[2]) > 0
    assert path.read_bytes() == before


def test_what_is_no_job_of_this_version_is_refused() -> None:
    job = first_job(bench_setup(), 2)
    assert job is not None
    jobs.unpack_job(job)
    for wrong in (b"", job[:-1], job + b"\0", job.replace(b"job 2", b"job 1")):
        with pytest.raises(ValueError, match="plan the backtest anew"):
            jobs.run_job(wrong, columns_of(generate(10)))


def test_a_setup_that_the_kernel_cannot_take_has_no_job() -> None:
    assert first_job(bench_setup(), 9) is None


def test_a_process_that_runs_a_job_loads_the_kernel_and_nothing_of_the_domain(tmp_path: Path) -> None:
    write(generate(20_000), tmp_path / "candles")
    job = first_job(bench_setup(), 2)
    assert job is not None
    (tmp_path / "candles.job").write_bytes(job)
    program = (
        "import sys; before = set(sys.modules);"
        " exec(open('tests/bench/engine_packed_worker.py').read());"
        " print(*sorted(set(sys.modules) - before))"
    )
    arguments = [str(tmp_path / "candles"), "20000", "--once"]
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "layers" / "core")},
    )
    result, modules = done.stdout.splitlines()
    assert int(result.split()[0]) > 0
    loaded = modules.split()
    assert [name for name in loaded if name.startswith("tradebot.") and "kernel" not in name] == ["tradebot.engine"]
    assert not {"dataclasses", "decimal", "enum", "json", "typing"} & set(loaded)
