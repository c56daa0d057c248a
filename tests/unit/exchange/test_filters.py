"""The bounded share of the proof in tests/proofs/filters.py, and that it can fail."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tests.proofs import filters
from tests.proofs.filters import prove
from tradebot.engine.levels import stop_price

if TYPE_CHECKING:
    import pytest

    from tradebot.domain.position import PositionSide
    from tradebot.domain.symbol import SymbolRules


def test_no_order_is_refused_by_a_filter_and_no_rounding_adds_risk() -> None:
    report = prove(count=2_000, seed=7)
    assert report.verdict() == [], report.lines()


def test_the_proof_sees_a_level_that_was_rounded_away_from_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    def a_tick_further(side: PositionSide, price: Decimal, ppm: int, rules: SymbolRules) -> Decimal:
        return stop_price(side, price, ppm, rules) - side.sign * rules.tick_size

    monkeypatch.setattr(filters, "stop_price", a_tick_further)
    report = prove(count=200, seed=7)
    assert len(report.riskier) > 20
    assert report.verdict()


def test_the_proof_sees_an_entry_whose_stop_is_worth_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradebot.engine.sizing.NOTIONAL_SPARE", Decimal("0.5"))
    assert prove(count=2_000, seed=7).refused
