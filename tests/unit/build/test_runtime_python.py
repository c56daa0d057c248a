"""Finding a Python of the functions' version on a machine that may have others, or shims that fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.build import runtime_python

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python but what a test puts there."""
    monkeypatch.setenv("PATH", f"{tmp_path}/shims:{tmp_path}/bin:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    return tmp_path


def put(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_shim_that_fails_and_a_python_of_another_version_do_not_count(machine: Path) -> None:
    put(machine / "shims" / "python3.13", "exit 127")
    put(machine / "bin" / "python3.13", "echo 3 12")
    working = put(machine / "pyenv" / "versions" / "3.13.0" / "bin" / "python3.13", "echo 3 13")
    assert runtime_python.find() == working


def test_uv_may_have_brought_it(machine: Path) -> None:
    working = put(machine / "uv" / "cpython-3.13.1-linux-x86_64-gnu" / "bin" / "python3.13", "echo 3 13")
    assert runtime_python.find() == working


@pytest.mark.usefixtures("machine")
def test_without_one_it_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert runtime_python.main() == 1
    assert "uv python install 3.13" in capsys.readouterr().err
