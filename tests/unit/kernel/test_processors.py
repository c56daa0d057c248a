"""Compiled for Lambda's processors: it builds, stays small, asks for no new libc, and gives the same bits on both."""

from __future__ import annotations

import platform
import re
import shutil
import struct
import subprocess
from functools import cache
from pathlib import Path

import pytest

from infra.build.kernel import FLAGS, LAMBDA, SOURCES, NoCompilerError, compile_kernel, compiler
from tests.unit.kernel.cases import Case, random_case
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.kernel.setup_block import FundingColumns, setup_block
from tradebot.engine.kernel.state_block import state_block

CASES = 60
#: ELF's e_machine, and the emulator's name for the processor.
MACHINES = {"linux-x86_64": (62, "x86_64"), "linux-aarch64": (183, "aarch64")}
RUNNER = Path(__file__).with_name("runner.c")
every_target = pytest.mark.parametrize("target", sorted(LAMBDA.values()))


@pytest.fixture(autouse=True)
def _needs_compiler() -> None:
    try:
        compiler()
    except NoCompilerError as error:
        pytest.skip(str(error))


@every_target
def test_the_library_for_lambda_is_small_and_runs_on_an_old_libc(target: str, tmp_path: Path) -> None:
    content = compile_kernel(target, tmp_path).read_bytes()
    assert content[:4] == b"\x7fELF"
    assert struct.unpack_from("<H", content, 18) == (MACHINES[target][0],)
    assert len(content) < 50_000
    assert b".debug_info" not in content, "not stripped"
    versions = [tuple(map(int, found.split(b"."))) for found in re.findall(rb"GLIBC_([0-9.]+)", content)]
    assert all(version <= (2, 17) for version in versions), versions


@cache
def packed_cases() -> bytes:
    # The last ones are long enough for the lanes of the averages.
    cases = [*map(random_case, range(CASES)), *(random_case(seed, count=9_000) for seed in range(4))]
    return b"".join(map(packed, cases))


def packed(case: Case) -> bytes:
    setup, candles = case.setup, case.candles
    funding = FundingColumns.of(setup.funding)
    given = setup_block(setup, candles.price_decimals, funding)
    now = state_block(setup, BacktestState.start(setup), setup.units)
    columns = (candles.open_time_ms, candles.open, candles.high, candles.low, candles.close)
    history = (funding.at_ms, funding.rate, funding.mark)
    parts = [bytes(given), bytes(now), *(column.tobytes() for column in (*columns, *history))]
    return struct.pack("<qq", len(candles), len(funding.at_ms)) + b"".join(parts)


def run_on(target: str, folder: Path) -> bytes:
    """Return what the kernel gives on a processor: this machine's own, or an emulated one."""
    name = MACHINES[target][1]
    command: list[str] = []
    if platform.machine() != name:
        emulator = shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}")
        if emulator is None:
            pytest.skip(f"not run on {name}: no emulator here (Debian: apt-get install qemu-user-static)")
        command = [emulator]
    program = folder / f"runner-{name}"
    flags = [flag for flag in FLAGS if flag not in {"-shared", "-fPIC", "-fvisibility=hidden"}]
    build = [*compiler(), "-target", f"{name}-linux-musl", "-static", *flags, '-DSOURCE_DIGEST="runner"']
    subprocess.run([*build, f"-I{SOURCES}", "-o", str(program), str(RUNNER)], check=True, timeout=600)
    ran = subprocess.run([*command, str(program)], input=packed_cases(), capture_output=True, check=True, timeout=600)
    return ran.stdout


@pytest.mark.rule("exactness")
@pytest.mark.skipif(platform.system() != "Linux", reason="the emulators are Linux's")
def test_x86_64_and_arm64_give_the_same_bits(tmp_path: Path) -> None:
    ours, theirs = (run_on(target, tmp_path) for target in sorted(MACHINES))
    assert len(ours) > 1_000 * CASES
    assert ours == theirs
