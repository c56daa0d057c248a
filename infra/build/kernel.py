"""Compiles the engine's kernel (layers/core/tradebot/engine/kernel/*.c) with zig's C compiler: no toolchain needed.

`python -m infra.build.kernel` makes the one of this machine, beside its sources. `artifact.py` makes those of Lambda.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Inside the package `tradebot`.
KERNEL = Path("engine", "kernel")
SOURCES = ROOT / "layers" / "core" / "tradebot" / KERNEL
#: What `platform` calls a machine, as the library's name has it (kernel/library.py) -> zig's target. The oldest glibc
#: that Python's own manylinux wheels still go back to, so that any Linux with a supported Python loads it.
TARGETS = {
    "linux-x86_64": "x86_64-linux-gnu.2.17",
    "linux-aarch64": "aarch64-linux-gnu.2.17",
    "darwin-x86_64": "x86_64-macos",
    "darwin-arm64": "aarch64-macos",
}
#: `sam build`'s architectures.
LAMBDA = {"arm64": "linux-aarch64", "x86_64": "linux-x86_64"}
#: No contraction and nothing of -ffast-math: one operation of C is one operation of Python, to the last bit, on every
#: processor. The linker strips.
FLAGS = [
    "-std=c11",
    "-O3",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-stack-protector",
    "-fno-sanitize=all",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-s",
]


class NoCompilerError(Exception):
    """ziglang is not installed: `make install` brings it."""


def machine() -> str:
    """Return this machine's key in TARGETS, whether it is there or not."""
    return f"{platform.system()}-{platform.machine()}".lower()


def library_name(target: str) -> str:
    """Return the file that the loader looks for on `target`."""
    return f"_kernel.{target}.so"


def compiler() -> list[str]:
    """Return the command of zig's C compiler: the development environment's, else the one on the PATH."""
    for packaged in sorted(ROOT.glob(".venv/lib/python3.*/site-packages/ziglang/zig")):
        return [str(packaged), "cc"]
    on_path = shutil.which("zig")
    if on_path is None:
        raise NoCompilerError("the kernel's compiler is missing: `make install` brings it (ziglang)")
    return [on_path, "cc"]


def source_digest(sources: Path = SOURCES) -> str:
    """Return 16 hexadecimal digits of what the library is made from, which it carries."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted([*sources.glob("*.c"), *sources.glob("*.h")]):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def compile_kernel(target: str, folder: Path, *, sources: Path = SOURCES) -> Path:
    """Compile for `target` (a key of TARGETS) into `folder`; return the library's path."""
    library = folder / library_name(target)
    files = [str(path) for path in sorted(sources.glob("*.c"))]
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / library.name
        digest = f'-DSOURCE_DIGEST="{source_digest(sources)}"'
        subprocess.run(
            [*compiler(), "-target", TARGETS[target], *FLAGS, digest, "-o", str(made), *files], check=True, cwd=scratch
        )
        # Into place at once: a process that has the old one loaded keeps it.
        beside = library.with_suffix(".new")
        shutil.copyfile(made, beside)
        beside.replace(library)
    return library


def main() -> int:
    """Compile for this machine. Where that cannot be, the plain engine serves: say so, and go on."""
    if machine() not in TARGETS:
        print(f"No compiled engine for {machine()}: the plain one serves, slower and equal.")
        return 0
    try:
        compile_kernel(machine(), SOURCES)
    except NoCompilerError as error:
        print(f"No compiled engine, the plain one serves, slower and equal: {error}")
    except subprocess.CalledProcessError as error:
        print(f"The engine's kernel does not compile (exit status {error.returncode}): see above.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
