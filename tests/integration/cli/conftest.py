"""The command line as a process, and files of candles for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.market import minutes

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(os.environ.get("TRADEBOT_DATA", Path(__file__).parents[4] / "shared" / "data"))
REAL = DATA / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"


@pytest.fixture(scope="session")
def tradebot() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `tradebot` with arguments, as the installed script does."""

    def run(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        script = Path(sys.executable).with_name("tradebot")
        return subprocess.run(
            [str(script), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "COLUMNS": "80", "PYTHONWARNINGS": "error"},
        )

    return run


@pytest.fixture(scope="session")
def real_csv() -> Path:
    if not REAL.exists():
        pytest.skip(f"the real candles are not at {REAL}; TRADEBOT_DATA names their folder")
    return REAL


@pytest.fixture(scope="session")
def walk_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of minutes of a seeded walk, as Binance's monthly files have them."""
    path = tmp_path_factory.mktemp("candles") / "BTCUSDT-1m-2024-01.csv"
    path.write_text("\n".join(minutes(3 * 1_440)) + "\n")
    return path
