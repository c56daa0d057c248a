"""What may import what, read from the source: import-linter cannot see the handlers, and knows no standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "layers" / "core" / "tradebot"
HANDLERS = sorted((ROOT / "functions").glob("*/handler.py"))
#: Each may import the standard library, the error tree, itself, and what stands before it.
PURE = ("domain", "strategy", "engine")


def imported_modules(path: Path) -> set[str]:
    """Return the modules a file imports, anywhere in it, type checking included."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports relatively, line {node.lineno}"
            # `from tradebot import domain` names a module by its alias.
            of_root = {f"tradebot.{alias.name}" for alias in node.names}
            modules |= of_root if node.module == "tradebot" else {node.module}
    return modules


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("layer", PURE)
def test_what_decides_imports_the_standard_library_and_what_stands_below_it(layer: str) -> None:
    below = [f"tradebot.{name}" for name in PURE[: PURE.index(layer) + 1]] + ["tradebot.errors"]
    files = sorted((CORE / layer).rglob("*.py"))
    assert len(files) > 3, "the folder is where the test looks for it"
    for path in files:
        for module in imported_modules(path):
            is_standard = module.split(".")[0] in sys.stdlib_module_names
            assert is_standard or any(is_within(module, package) for package in below), f"{path} imports {module}"


#: The kernel's library is found by the machine's name (os.uname); both engines give the same bits.
ALLOWED = {"library.py": {"os"}}


def test_the_kernel_asks_the_system_for_the_machines_name_only() -> None:
    tree = ast.parse((CORE / "engine" / "kernel" / "library.py").read_text())
    asked = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert asked == {"uname"}


@pytest.mark.parametrize("layer", PURE)
def test_what_decides_reads_no_clock_no_environment_and_no_chance(layer: str) -> None:
    refused = {"os", "random", "secrets", "socket", "subprocess", "threading", "time", "urllib", "uuid"}
    for path in sorted((CORE / layer).rglob("*.py")):
        assert not {module.split(".")[0] for module in imported_modules(path)} & (
            refused - ALLOWED.get(path.name, set())
        )
        calls = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not calls & {"now", "utcnow", "today"}, f"{path} asks what time it is"


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_imports_of_ours_only_bootstrap_observability_and_the_api(path: Path) -> None:
    allowed = ("tradebot.bootstrap", "tradebot.observability", "tradebot_api")
    ours = {m for m in imported_modules(path) if m.split(".")[0] in {"tradebot", "tradebot_api", "infra", "tests"}}
    assert all(any(is_within(module, package) for package in allowed) for module in ours), (
        f"{path} imports {sorted(ours)}; a handler gets its use case from tradebot.bootstrap"
    )


def test_who_asks_bootstrap_for_one_module_loads_no_other() -> None:
    # What the modules import of each other, import-linter holds.
    assert imported_modules(CORE / "bootstrap" / "__init__.py") == set()


def test_there_are_handlers_to_look_at() -> None:
    assert HANDLERS


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("layers", "functions")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers == {"layers/core/tradebot/settings.py"}
