"""CONTRIBUTING.md's fourth strategy, put where it says, in a copy of the package: its test passes and it trades."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()


def block(path: str) -> str:
    """Return the code that stands under a path."""
    found = re.search(rf"`{re.escape(path)}`[^\n]*:\n\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert found, f"CONTRIBUTING.md shows {path}"
    return found.group(1)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the strategy needs, and do what the guide says."""
    core = tmp_path / "layers" / "core"
    shutil.copytree(ROOT / "layers" / "core", core, ignore=shutil.ignore_patterns("__pycache__"))
    (core / "tradebot" / "strategy" / "reversal.py").write_text(block("layers/core/tradebot/strategy/reversal.py"))
    test = tmp_path / "tests" / "unit" / "strategy" / "test_reversal.py"
    test.parent.mkdir(parents=True)
    test.write_text(block("tests/unit/strategy/test_reversal.py"))
    return tmp_path


def run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # Before the installed package on the path, so that the copy is what is imported.
    core = str(checkout / "layers" / "core")
    environment = {**os.environ, "PYTHONPATH": core, "MYPYPATH": core}
    return subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_fourth_strategy_of_the_guide_passes_its_test_and_trades(checkout: Path, walk_csv: Path) -> None:
    tested = run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout
    traded = run(checkout, "-m", "tradebot_cli", "backtest", str(walk_csv), "--strategy", "reversal", "--json")
    assert traded.returncode == 0, traded.stderr
    report = json.loads(traded.stdout)
    assert report["strategy"] == "reversal"
    assert report["total_trades"] > 5


def test_the_files_of_the_guide_are_clean_for_ruff_and_mypy(checkout: Path) -> None:
    files = [str(path) for path in checkout.rglob("*reversal.py")]
    shutil.copy(ROOT / "pyproject.toml", checkout)
    assert len(files) == 2
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        checked = run(checkout, "-m", *command, *files)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    typed = run(checkout, "-m", "mypy", "--strict", "--config-file=", "--explicit-package-bases", *files)
    assert typed.returncode == 0, typed.stdout
