"""What the pages for readers name is there: links, targets of make, and every decision in the list of decisions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "infra/local/exchange/README.md"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link.partition("#")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_target_of_make_is_in_the_makefile(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text)) | set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE))
    assert named <= TARGETS


def test_the_list_of_decisions_names_each_of_them_by_its_title() -> None:
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (ROOT / "docs" / "adr" / "README.md").read_text(), re.MULTILINE)
    assert DECISIONS
    assert listed == [(page.read_text().partition("\n")[0].removeprefix("# "), page.name) for page in DECISIONS]
