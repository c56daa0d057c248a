"""The bounded share of the proof in tests/proofs/no_ban.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.proofs.no_ban import prove

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.database import TestDatabase


def test_thirty_bots_on_a_small_limit_are_not_banned(database: TestDatabase, tmp_path: Path) -> None:
    figures = prove(database, tmp_path, bots=30, ticks=7, workers=4, weight_per_minute=360)
    print("\n".join(figures.lines()))
    assert figures.verdict() == []
