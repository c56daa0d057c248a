"""Fills in parts, in any order and more than once come to the same books: the share of a longer run."""

from __future__ import annotations

import pytest

from tests.proofs.fills import prove


@pytest.mark.rule(10, 11)
def test_quantities_prices_fees_and_pnl_are_an_independent_oracles() -> None:
    report = prove(120, 40, seed=7)
    assert not report.verdict(), report.lines()
