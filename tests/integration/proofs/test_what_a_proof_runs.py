"""The key under which a proof's figures are kept: it changes with what the proof runs, and with nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from infra.local.state import REPOSITORY
from tests.proofs import code_key, histories
from tests.proofs.code_key import commit_of, files_of, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WORKER = "layers/core/tradebot/worker.py"
_API = "layers/core/tradebot/api.py"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    files = {
        "layers/core/tradebot/__init__.py": "",
        _WORKER: "import tradebot.orders\n",
        "layers/core/tradebot/orders.py": "LIMIT = 1\n",
        _API: "",
        "layers/core/tradebot/migrations/versions/0001.sql": "",
        "tests/proofs/histories.py": "def play():\n    from tradebot.worker import LIMIT\n",
        "docs/proofs.md": "",
        "README.md": "",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    _git(tmp_path, "init", "-q")
    _commit(tmp_path)
    monkeypatch.setattr(code_key, "REPOSITORY", tmp_path)
    files_of.cache_clear()
    yield tmp_path
    files_of.cache_clear()


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=folder, check=True)


def _commit(folder: Path) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "a version")


def _key() -> str:
    files_of.cache_clear()
    return key_of(files_of("histories"))


@pytest.mark.parametrize("name", [_API, "README.md", "tests/test_docs.py"])
def test_histories_are_kept_across_a_commit_of_what_they_do_not_run(repository: Path, name: str) -> None:
    before = _key()
    (repository / name).write_text("# changed\n")
    _commit(repository)
    assert _key() == before


@pytest.mark.parametrize(
    "name",
    [
        _WORKER,
        "layers/core/tradebot/orders.py",
        "layers/core/tradebot/migrations/versions/0002.sql",
        "tests/proofs/histories.py",
        "requirements.lock",
    ],
)
def test_histories_begin_anew_where_what_they_run_was_changed(repository: Path, name: str) -> None:
    before = _key()
    (repository / name).write_text("# changed\n")
    assert _key() != before


def test_a_change_that_is_not_committed_does_not_count_as_the_commit(repository: Path) -> None:
    commit, before = commit_of(files_of("histories")), _key()
    (repository / "README.md").write_text("of no history\n")
    assert commit_of(files_of("histories")) == commit
    assert commit_of() == f"{commit}-dirty"
    (repository / _WORKER).write_text("import tradebot.orders  # otherwise\n")
    assert commit_of(files_of("histories")) == f"{commit}-dirty"
    assert _key() != before
    (repository / _WORKER).write_text("import tradebot.orders\n")
    assert (commit_of(files_of("histories")), _key()) == (commit, before)


def test_all_that_a_history_loads_is_in_its_key() -> None:
    played = (
        "import sys; from tests.proofs.histories import replay; replay(2)\n"
        "print(*{m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)}, sep='\\n')"
    )
    ran = subprocess.run([sys.executable, "-c", played], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    ours = {one for one in ran.stdout.split() if one.startswith(f"{REPOSITORY}/") and "/.venv" not in one}
    files_of.cache_clear()
    assert len(ours) > 100
    assert ours - {str(one) for one in files_of("histories")} == set()


def test_a_run_in_parts_says_what_was_played_at_which_commit(tmp_path: Path) -> None:
    kept = tmp_path / "histories.json"

    def plays(count: int, part: str) -> histories.Report:
        return histories.prove(count, seed=1, processes=1, keep=kept, part=part)

    plays(3, "aaa on Monday")
    report = plays(5, "bbb on Tuesday")
    assert report.parts == {"aaa on Monday": 3, "bbb on Tuesday": 2}
    assert "  played at aaa on Monday: 3, bbb on Tuesday: 2" in report.lines()
