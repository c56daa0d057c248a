"""What a proof runs, as one hash: figures stay true for as long as none of its files changes, whatever else does."""

from __future__ import annotations

import ast
import hashlib
import subprocess
from functools import cache
from typing import TYPE_CHECKING

from infra.local.state import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Where a first name of an import may lie.
_ROOTS = {"tradebot": "layers/core", "infra": ".", "tests": "."}
#: Read by their folder and not imported; and what decides which packages there are.
_ALWAYS = ("layers/core/tradebot/migrations", "layers/core/tradebot/strategy", "pyproject.toml", "requirements.lock")
#: These run in processes that import all they run. The others start programs of this repository as well.
ONLY_IMPORTS = frozenset({"histories", "mutants"})
_PROGRAMS = ("layers", "functions", "infra", "template.yaml", "tests/proofs", "tests/fixtures")


@cache
def files_of(name: str) -> tuple[Path, ...]:
    """Return all files of this repository that can change what a proof sees."""
    module = _path_of(f"tests.proofs.{name}")
    assert module is not None, name
    waiting = [module, *([module.parent / "__main__.py"] if module.name == "__init__.py" else [])]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += [one for one in (_path_of(named) for named in _imports(path)) if one is not None]
    named = _ALWAYS if name in ONLY_IMPORTS else (*_ALWAYS, *_PROGRAMS)
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *named).split("\0")
    found |= {path for one in listed if one and (path := REPOSITORY / one).is_file()}
    return tuple(sorted(found))


def key_of(files: Sequence[Path]) -> str:
    """Return a hash of names and contents as they lie here, committed or not."""
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(REPOSITORY)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def commit_of(files: Sequence[Path] = ()) -> str:
    """Return the commit, marked where one of the files is not as it has it; any but the page, where none is named."""
    commit = _git("rev-parse", "--short=9", "HEAD").strip() or "unknown"
    named = [str(one.relative_to(REPOSITORY)) for one in files] or [".", ":!docs/proofs.md"]
    differs = _git("status", "--porcelain", "--", *named)
    return commit + ("-dirty" if differs else "")


def _imports(path: Path) -> Iterator[str]:
    """Name every module that a file may import, at its top or later, and the packages around it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = []
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _path_of(module: str) -> Path | None:
    root = _ROOTS.get(module.partition(".")[0])
    if root is None:
        return None
    base = (REPOSITORY / root).joinpath(*module.split("."))
    return next((one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()), None)


def _git(*arguments: str) -> str:
    asked = ["git", "-C", str(REPOSITORY), *arguments]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout
