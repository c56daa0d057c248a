"""Makes what is deployed: a layer or a function's folder, pruned, with the bytecode of the functions' Python.

Called by the Makefiles in layers/* and functions/* in a copy of their folder, by a python3.13 that has no dependency:
`python3.13 -m infra.build.artifact function | package NAME | layer NAME`. Writes to $ARTIFACTS_DIR, for the processor
$ARCH (arm64, or x86_64).
"""

from __future__ import annotations

import compileall
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

from infra.build.kernel import KERNEL, LAMBDA, compile_kernel
from infra.build.layers import LAYERS, Layer

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = (3, 13)
#: python3.13 runs on Amazon Linux 2023, whose glibc is 2.34.
PLATFORMS = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}
#: Where Lambda puts it, so that a traceback names the path that a reader finds there.
LAYER_HOME, FUNCTION_HOME = "/opt", "/var/task"
#: Nothing of these is read by a running program.
NOT_SHIPPED = ("*.c", "*.h", "*.pxd", "*.pyi", "*.pyx", "py.typed")
#: The kernel of the machine that builds; the artifact gets that of its own processor.
NATIVE = "_kernel.*.so"


def main(arguments: list[str]) -> int:
    """Make one artifact; return the exit status."""
    if sys.version_info[:2] != RUNTIME:
        wanted = ".".join(map(str, RUNTIME))
        print(f"The functions run on Python {wanted}, not {platform.python_version()}: put python{wanted} on the PATH.")
        return 1
    artifacts = Path(os.environ["ARTIFACTS_DIR"])
    match arguments:
        case ["function"]:
            ignored = shutil.ignore_patterns("Makefile", "__pycache__", *NOT_SHIPPED)
            shutil.copytree(".", artifacts, dirs_exist_ok=True, ignore=ignored)
            compile_tree(artifacts, home=FUNCTION_HOME)
        case ["package", name]:
            ignored = shutil.ignore_patterns("__pycache__", NATIVE, *NOT_SHIPPED)
            package = artifacts / "python" / name
            shutil.copytree(name, package, ignore=ignored)
            compile_kernel(LAMBDA[os.environ.get("ARCH", "arm64")], package / KERNEL)
            compile_tree(artifacts, home=LAYER_HOME)
        case ["layer", name]:
            install(Path("requirements.txt"), artifacts / "python", architecture=os.environ.get("ARCH", "arm64"))
            prune(artifacts / "python", LAYERS[name])
            if Path("certificates").is_dir():
                shutil.copytree("certificates", artifacts / "certificates")
            compile_tree(artifacts, home=LAYER_HOME)
        case _:
            print(__doc__)
            return 2
    return 0


def install(requirements: Path, target: Path, *, architecture: str) -> None:
    """Install wheels of the functions' platform, whatever machine this is; every one by its pinned hash."""
    local_uv = ROOT / ".venv" / "bin" / "uv"
    uv = str(local_uv) if local_uv.is_file() else "uv"
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--python", sys.executable, "--python-version", ".".join(map(str, RUNTIME))]
    command += ["--python-platform", PLATFORMS[architecture], "--target", str(target)]
    # A hard link would make the pruning below reach into uv's cache.
    command += ["--link-mode", "copy", "--requirements", str(requirements)]
    subprocess.run(command, check=True)


def prune(site: Path, layer: Layer) -> None:
    """Remove what no function reads: scripts, tests, stubs, C sources, and what the layer does not keep."""
    for package, patterns in layer.kept_only.items():
        _keep_only(site / package, patterns)
    for name, content in layer.replaced.items():
        (site / name).write_text(content)
    (site / ".lock").unlink(missing_ok=True)  # uv's own
    for folder in [*site.glob("**/tests"), *site.glob("**/__pycache__"), site / "bin"]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in [path for pattern in (*NOT_SHIPPED, *layer.dropped) for path in site.rglob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for information in site.glob("*.dist-info"):
        # Versions are asked for while running (pydantic asks for email-validator's): the metadata stays, and no more.
        _keep_only(information, ("METADATA",))


def compile_tree(artifacts: Path, *, home: str) -> None:
    """Compile every module. Unchecked, because a zip has no time of its own and nobody edits a module in Lambda."""
    compiled = compileall.compile_dir(
        artifacts,
        maxlevels=50,
        quiet=1,
        stripdir=str(artifacts),
        prependdir=home,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not compiled:
        raise SystemExit("a module did not compile: see above")


def _keep_only(folder: Path, patterns: tuple[str, ...]) -> None:
    kept = {path for pattern in patterns for path in folder.glob(pattern)}
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path not in kept:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
