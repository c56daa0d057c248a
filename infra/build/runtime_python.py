"""Finds a Python of the functions' version: bytecode fits one minor version, and development may run on another.

`python -m infra.build.runtime_python` prints its folder, for the PATH of a build, or says how to get one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infra.build.artifact import RUNTIME

NAME = "python" + ".".join(map(str, RUNTIME))


def find() -> Path | None:
    """Return a working interpreter from the PATH, pyenv's versions or uv's; None if there is none."""
    return next((path for path in _candidates() if path.is_file() and _works(path)), None)


def _candidates() -> list[Path]:
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local" / "share" / "uv" / "python")
    version = NAME.removeprefix("python")
    folders += sorted(pyenv.glob(f"versions/{version}*/bin"), reverse=True)
    folders += sorted(managed.glob(f"cpython-{version}*/bin"), reverse=True)
    return [folder / NAME for folder in folders]


def _works(path: Path) -> bool:
    """Whether it runs and is what its name says; a shim of pyenv's exists and fails where its version is not chosen."""
    command = [str(path), "-I", "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.split() == [str(part) for part in RUNTIME]


def main() -> int:
    """Print the folder, or what to do."""
    if (python := find()) is None:
        print(
            f"The functions run on {NAME}, and no working one was found on the PATH, in pyenv or in uv.\n"
            f"Get one with: .venv/bin/uv python install {NAME.removeprefix('python')}",
            file=sys.stderr,
        )
        return 1
    print(python.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
