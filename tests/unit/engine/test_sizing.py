"""How much an entry buys, and when there is none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import RULES, minute, parameters
from tradebot.domain.position import PositionSide
from tradebot.engine.notes import NoteCode
from tradebot.engine.tick import EntryDecision, EntrySize, Note, size_entry, start_memory


def entry(close: object, side: PositionSide = PositionSide.LONG) -> EntryDecision:
    return EntryDecision("ema:x:enter", side.entry_side, side, minute(0), Decimal(str(close)))


def size(
    close: object, free: object, *, side: PositionSide = PositionSide.LONG, balance: object = 10_000, **changes: Any
) -> EntrySize | Note:
    chosen = parameters(**changes)
    memory = start_memory(chosen, Decimal(str(balance)))
    return size_entry(memory, chosen, RULES, entry(close, side), free_quote=Decimal(str(free)))


def quantity_of(sized: EntrySize | Note) -> Decimal:
    assert isinstance(sized, EntrySize), sized
    return sized.quantity


def code_of(sized: EntrySize | Note) -> NoteCode:
    assert isinstance(sized, Note), sized
    return sized.code


@pytest.mark.rule(7)
def test_a_fixed_size_outranks_a_percentage() -> None:
    assert quantity_of(size(20_000, 10_000, position_size_fixed=500, position_size_perc=50)) == Decimal("0.02500")


@pytest.mark.rule(7)
def test_a_percentage_is_of_the_balance_not_of_what_is_free() -> None:
    sized = size(20_000, 9_000, balance=8_000, position_size_fixed=None, position_size_perc=10)
    assert quantity_of(sized) == Decimal("0.04")


@pytest.mark.rule(7)
def test_without_either_it_is_25_quote() -> None:
    assert quantity_of(size(20_000, 10_000, position_size_fixed=None)) == Decimal("0.00125")


@pytest.mark.rule(7)
def test_spot_is_capped_at_99_percent_of_what_is_free() -> None:
    assert quantity_of(size(20_000, 100, position_size_fixed=1_000)) == Decimal("0.00495")


@pytest.mark.rule(7)
def test_futures_are_capped_so_that_margin_and_fee_fit_into_99_percent() -> None:
    sized = size(20_000, 100, position_type="futures", leverage=10, position_size_fixed=1_000)
    # 99 / (1 + 10 x 0.0005) = 98.5074..., x 10 / 20,000
    assert quantity_of(sized) == Decimal("0.04925")


def test_a_known_taker_rate_replaces_the_default() -> None:
    chosen = parameters(position_type="futures", leverage=10)
    memory = start_memory(chosen, Decimal(10_000))
    sized = size_entry(memory, chosen, RULES, entry(20_000), free_quote=Decimal(100), taker_ppm=0)
    assert quantity_of(sized) == Decimal("0.0495")


@pytest.mark.rule(7)
def test_on_futures_the_size_is_margin_and_the_notional_is_leverage_times_it() -> None:
    sized = size(20_000, 10_000, position_type="futures", leverage=10, position_size_fixed=100)
    assert sized == EntrySize(Decimal("0.05"), Decimal(100))


@pytest.mark.rule(8)
def test_quantity_is_rounded_down_to_the_step_of_the_deciding_close() -> None:
    assert quantity_of(size("21234.56", 10_000, position_size_fixed=1_000)) == Decimal("0.04709")


def test_quantity_is_at_most_the_largest_order() -> None:
    chosen = parameters(position_size_fixed=Decimal(5_000))
    memory = start_memory(chosen, Decimal(10_000))
    rules = replace(RULES, max_qty=Decimal("0.1"))
    assert quantity_of(size_entry(memory, chosen, rules, entry(20_000), free_quote=Decimal(10_000))) == Decimal("0.1")


@pytest.mark.rule(9)
def test_an_entry_below_the_least_quantity_is_skipped_with_its_reason() -> None:
    chosen = parameters(position_size_fixed=Decimal(30))
    memory = start_memory(chosen, Decimal(10_000))
    rules = replace(RULES, min_qty=Decimal("0.0015"))
    skipped = size_entry(memory, chosen, rules, entry(20_000), free_quote=Decimal(10_000))
    # 0.0015 are bought, but the commission leaves 0.00149 to sell.
    assert code_of(skipped) is NoteCode.BELOW_MIN_QTY
    assert isinstance(skipped, Note)
    assert "0.00149 BTC is below the least quantity 0.0015" in skipped.message


@pytest.mark.rule(9)
@pytest.mark.parametrize(
    ("fixed", "fits"),
    [
        # At the stop of 19,600, 10.10 quote need 0.00051531 to sell, which is 0.00052, so 0.00053 before commission.
        ("10.40", False),
        ("10.60", True),
    ],
)
def test_an_entry_whose_stop_could_not_be_sold_is_skipped(fixed: str, fits: bool) -> None:
    sized = size(20_000, 10_000, position_size_fixed=Decimal(fixed))
    if fits:
        assert quantity_of(sized) == Decimal("0.00053")
    else:
        assert code_of(sized) is NoteCode.BELOW_MIN_NOTIONAL


def test_the_stop_has_to_be_worth_one_percent_more_than_the_least_order() -> None:
    # 0.00051 can be sold: 10.098 at a stop of 19,800, and 10.1001... at 19,804.
    assert code_of(size(20_000, 10_000, position_size_fixed=Decimal("10.40"), stop_loss_perc=Decimal(1))) is (
        NoteCode.BELOW_MIN_NOTIONAL
    )
    fits = size(20_000, 10_000, position_size_fixed=Decimal("10.40"), stop_loss_perc=Decimal("0.98"))
    assert quantity_of(fits) == Decimal("0.00052")


def test_a_tighter_trailing_stop_is_the_stop_that_has_to_be_sold() -> None:
    wide: dict[str, Any] = {"position_size_fixed": Decimal("10.40"), "stop_loss_perc": Decimal(50)}
    assert code_of(size(20_000, 10_000, **wide)) is NoteCode.BELOW_MIN_NOTIONAL
    trailing: dict[str, Any] = {"trailing_stop_active": True, "trailing_stop_perc": Decimal("0.5")}
    assert quantity_of(size(20_000, 10_000, **wide, **trailing)) == Decimal("0.00052")


def test_dust_counts_as_what_can_be_sold() -> None:
    chosen = parameters(position_size_fixed=Decimal("10.40"))
    memory = replace(start_memory(chosen, Decimal(10_000)), dust=Decimal("0.000009"))
    assert quantity_of(size_entry(memory, chosen, RULES, entry(20_000), free_quote=Decimal(10_000))) == Decimal(
        "0.00052"
    )


def test_a_shorts_own_order_has_to_reach_the_least_value_too() -> None:
    short: dict[str, Any] = {
        "position_type": "futures",
        "leverage": 1,
        "side": PositionSide.SHORT,
        "stop_loss_perc": Decimal(5),
    }
    # The stop of 21,000 is worth 10.29, the order itself 9.80.
    assert code_of(size(20_000, 10_000, position_size_fixed=Decimal("9.8"), **short)) is NoteCode.BELOW_MIN_NOTIONAL
    assert quantity_of(size(20_000, 10_000, position_size_fixed=Decimal(10), **short)) == Decimal("0.0005")


@pytest.mark.parametrize(("balance", "free"), [(10_000, 0), (-5, 100)])
def test_nothing_free_or_nothing_left_is_said(balance: int, free: int) -> None:
    chosen = parameters(position_size_fixed=None, position_size_perc=Decimal(10))
    memory = replace(start_memory(chosen, Decimal(0)), balance=Decimal(balance))
    skipped = size_entry(memory, chosen, RULES, entry(20_000), free_quote=Decimal(free))
    assert code_of(skipped) is NoteCode.NO_FREE_BALANCE


MONEY = st.decimals(Decimal("0.01"), Decimal(1_000_000), places=2)


@given(
    free=MONEY,
    balance=MONEY,
    fixed=st.none() | MONEY,
    percent=st.none() | st.decimals(Decimal("0.01"), Decimal(100), places=2),
    close=st.decimals(Decimal("0.05"), Decimal(100_000), places=2),
    leverage=st.integers(1, 125),
    is_futures=st.booleans(),
    side=st.sampled_from(PositionSide),
)
@settings(max_examples=200, deadline=None)
def test_an_entry_never_costs_more_than_99_percent_of_what_is_free(
    *,
    free: Decimal,
    balance: Decimal,
    fixed: Decimal | None,
    percent: Decimal | None,
    close: Decimal,
    leverage: int,
    is_futures: bool,
    side: PositionSide,
) -> None:
    market = {"position_type": "futures" if is_futures else "spot", "leverage": leverage}
    sizes = {"position_size_fixed": fixed, "position_size_perc": percent}
    sized = size(close, free, balance=balance, side=side if is_futures else PositionSide.LONG, **market, **sizes)
    if isinstance(sized, Note):
        return
    notional = Fraction(sized.quantity) * Fraction(close)
    if is_futures:
        assert notional / leverage + notional * Fraction(5, 10_000) <= Fraction(free) * Fraction(99, 100)
    else:
        assert notional <= Fraction(free) * Fraction(99, 100)
    assert sized.quantity % RULES.step_size == 0
    assert RULES.min_qty <= sized.quantity <= RULES.max_qty
    assert notional >= RULES.min_notional
