"""Comparing the product with the simulated exchange proves something only while neither knows the other's code."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

OWN = ("infra.local.exchange", "cryptography.")
FOLDER = Path(__file__).parents[3] / "infra" / "local" / "exchange"


def test_the_simulated_exchange_imports_itself_the_standard_library_and_a_library_for_ed25519() -> None:
    foreign = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            foreign |= {
                name
                for name in names
                if not name.startswith(("infra.local.exchange", "cryptography.")) and not _is_standard(name)
            }
    assert foreign == set()


def _is_standard(name: str) -> bool:

    return name.partition(".")[0] in sys.stdlib_module_names
