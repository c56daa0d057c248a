"""What fills do to the books, held against an account that is kept apart from them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import RULES, Desk, candle, held, minute
from tradebot.domain.order import Execution, Fill
from tradebot.domain.position import PositionSide
from tradebot.engine.ledger import exit_quantity
from tradebot.engine.tick import (
    EntryDecision,
    apply_entry,
    apply_exit,
    apply_funding,
    equity,
    third_assets,
    unrealized_pnl,
)
from tradebot.errors import ConflictError, InvalidInputError

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def fill(quantity: str, price: str, commission: str, asset: str) -> Fill:
    amount, rate = Decimal(quantity), Decimal(price)
    return Fill("1", rate, amount, amount * rate, Decimal(commission), asset, minute(0))


def entry(side: PositionSide = LONG, key: str = "ema:a:enter") -> EntryDecision:
    return EntryDecision(key, side.entry_side, side, minute(0), Decimal(20_000))


def book_entry(desk: Desk, *fills: Fill, side: PositionSide = LONG, key: str = "ema:a:enter") -> None:
    desk.memory = apply_entry(
        desk.memory,
        desk.parameters,
        RULES,
        entry(side, key),
        Execution.from_fills(fills),
        commission_prices={"BNB": Decimal(300)},
    )


def book_exit(desk: Desk, *fills: Fill, is_working: bool = False) -> Decimal:
    desk.memory, realized = apply_exit(
        desk.memory,
        RULES,
        Execution.from_fills(fills),
        commission_prices={"BNB": Decimal(300)},
        is_working=is_working,
    )
    return realized


@pytest.mark.rule(11)
def test_realized_pnl_is_sold_times_the_difference_less_both_fees() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.05", "20000", "0.00005", "BTC"))
    realized = book_exit(desk, fill("0.04995", "21000", "1.04895", "USDT"))
    # 0.04995 x 1,000 - 0.00005 x 20,000 - 1.04895
    assert realized == Decimal("47.90105")
    assert desk.memory.realized_pnl == desk.memory.daily_pnl == realized
    assert desk.memory.balance == Decimal("10047.90105")
    assert desk.memory.position is None
    assert desk.memory.dust == 0


@pytest.mark.rule(11, 18)
def test_funding_between_two_parts_of_an_entry_stays_in_the_pnl() -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.05", "20000", "0", "USDT"))
    desk.memory = apply_funding(desk.memory, Decimal("-1.5"))
    book_entry(desk, fill("0.05", "20000", "0", "USDT"))
    assert book_exit(desk, fill("0.1", "20000", "0", "USDT")) == Decimal("-1.5")
    assert desk.memory.realized_pnl == Decimal("-1.5")


@pytest.mark.rule(10)
def test_owned_is_dust_plus_bought_less_commission_and_the_rest_of_the_sale_stays_dust() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.05001", "20000", "0.00005001", "BTC"))
    assert desk.memory.position is not None
    assert desk.memory.position.quantity == Decimal("0.04995999")
    assert exit_quantity(desk.memory.position, RULES) == Decimal("0.04995")
    book_exit(desk, fill("0.04995", "21000", "1.04895", "USDT"))
    assert desk.memory.dust == Decimal("0.00000999")
    book_entry(desk, fill("0.05001", "20000", "0.00005001", "BTC"), key="ema:b:enter")
    assert desk.memory.position is not None
    assert desk.memory.position.quantity == Decimal("0.04996998")
    assert desk.memory.dust == 0


def test_dust_that_has_grown_to_a_step_is_sold_at_the_entry_price_of_that_sale() -> None:
    desk = Desk.of()
    for key in "ab":
        book_entry(desk, fill("0.05001", "20000", "0.00005401", "BTC"), key=key)
        assert desk.memory.position is not None
        sold = exit_quantity(desk.memory.position, RULES)
        realized = book_exit(desk, fill(str(sold), "21000", "0", "USDT"))
        # 0.04995599 owned first, then 0.04996198 with the dust of 0.00000599
        assert sold == {"a": Decimal("0.04995"), "b": Decimal("0.04996")}[key]
        assert realized == sold * 1_000 - Decimal("0.00005401") * 20_000


@pytest.mark.rule(10)
def test_a_commission_in_bnb_leaves_the_base_whole_and_costs_its_value() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.05", "20000", "0.0025", "BNB"))
    assert desk.memory.position is not None
    assert desk.memory.position.quantity == Decimal("0.05")
    assert desk.memory.balance == Decimal("9999.25")
    realized = book_exit(desk, fill("0.05", "21000", "0.002625", "BNB"))
    assert realized == Decimal(50) - Decimal("0.75") - Decimal("0.7875")
    assert desk.memory.quote_change == 50, "the quote account paid no fee"
    assert desk.memory.fees_elsewhere == Decimal("1.5375")


def test_the_price_of_a_third_asset_has_to_be_given() -> None:
    execution = Execution.from_fills([fill("0.05", "20000", "0.0025", "BNB")])
    assert third_assets(execution, RULES) == ("BNB",)
    assert third_assets(Execution.from_fills([fill("1", "2", "0", "BNB"), fill("1", "2", "1", "BTC")]), RULES) == ()
    desk = Desk.of()
    with pytest.raises(InvalidInputError, match="price of BNB in USDT"):
        apply_entry(desk.memory, desk.parameters, RULES, entry(), execution)


@pytest.mark.rule(11)
def test_the_value_of_a_fee_is_rounded_against_us_to_eight_decimals() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.00100", "20000.33", "0.00000001", "BTC"))
    assert desk.memory.balance == Decimal(10_000) - Decimal("0.00020001")


@pytest.mark.parametrize(("side", "gain"), [(LONG, Decimal(50)), (SHORT, Decimal(-50))])
def test_a_futures_balance_is_the_wallets_at_every_moment(side: PositionSide, gain: Decimal) -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.05", "20000", "0.5", "USDT"), side=side)
    assert desk.memory.balance == desk.memory.starting_balance - Decimal("0.5"), "the wallet pays the fee at once"
    realized = book_exit(desk, fill("0.05", "21000", "0.525", "USDT"))
    assert realized == gain - Decimal("0.5") - Decimal("0.525")
    assert desk.memory.balance == desk.memory.starting_balance + realized
    assert desk.memory.quote_change == realized


def test_a_fee_in_the_contracts_base_asset_is_paid_from_another_wallet() -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.05", "20000", "0.00001", "BTC"))
    assert desk.memory.position is not None
    assert desk.memory.position.quantity == Decimal("0.05")
    assert desk.memory.quote_change == 0
    assert desk.memory.balance == Decimal("9999.8")


@pytest.mark.rule(11)
def test_an_exit_in_parts_bears_the_entry_fee_pro_rata_and_adds_up() -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.03", "20000", "0.10000001", "USDT"))
    parts = [book_exit(desk, fill("0.01", "20100", "0", "USDT")) for _ in range(3)]
    assert parts == [Decimal("0.96666666"), Decimal("0.96666666"), Decimal("0.96666667")]
    assert sum(parts) == Decimal(3) - Decimal("0.10000001")
    assert desk.memory.position is None


def test_a_part_keeps_the_exit_pending_and_the_levels() -> None:
    desk = held(Desk.of(position_type="futures"))
    before = desk.memory.position
    desk.fills = False
    first = desk.tick(1, price=19_000).exit
    book_exit(desk, fill("0.01", "19000", "0", "USDT"))
    after = desk.memory.position
    assert before is not None
    assert after is not None
    assert after.quantity == Decimal("0.04")
    assert (after.stop_loss_price, after.entry_price) == (before.stop_loss_price, before.entry_price)
    again = desk.tick(1, price=19_900).exit
    assert first is not None
    assert again is not None
    assert (again.quantity, again.decision_key) == (Decimal("0.04"), first.decision_key)


def test_further_fills_of_one_decision_are_one_entry_at_the_average_price() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.01", "20000", "0.00001", "BTC"))
    book_entry(desk, fill("0.02", "20300", "0.00002", "BTC"))
    position = desk.memory.position
    assert position is not None
    assert position.price == Fraction(20_200)
    assert position.stop_loss_price == Decimal(19_796)
    assert position.quantity == Decimal("0.02997")
    assert desk.memory.trades_today == 1


def test_the_extreme_seen_between_two_fills_of_an_entry_is_kept() -> None:
    desk = Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(1))
    book_entry(desk, fill("0.01", "20000", "0", "BTC"))
    desk.tick(1, candle(0, 20_400, high=20_500))
    book_entry(desk, fill("0.01", "20400", "0", "BTC"))
    position = desk.memory.position
    assert position is not None
    assert position.extreme_price == 20_500
    assert position.trailing_stop_price == 20_295
    assert position.stop_loss_price == 19_796


def test_another_decision_cannot_enter_on_top_of_a_position() -> None:
    desk = held(Desk.of())
    with pytest.raises(ConflictError, match="cannot open another"):
        book_entry(desk, fill("0.01", "20000", "0", "BTC"), key="ema:other:enter")


def test_more_than_is_held_cannot_be_closed() -> None:
    desk = Desk.of()
    with pytest.raises(ConflictError, match="no position"):
        book_exit(desk, fill("0.01", "20000", "0", "USDT"))
    held(desk)
    with pytest.raises(ConflictError, match="but the bot holds"):
        book_exit(desk, fill("0.06", "20000", "0", "USDT"))


def test_a_fill_worth_less_than_the_least_order_becomes_dust_at_its_full_cost() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.0004", "20000", "0.0000004", "BTC"))
    memory = desk.memory
    assert memory.position is None
    assert memory.dust == Decimal("0.0003996")
    assert memory.dust_cost == 8
    assert memory.balance == 10_000
    assert memory.realized_pnl == 0
    assert memory.quote_change == -8
    assert memory.trades_today == 1


def test_what_a_partial_sale_leaves_below_the_least_order_ends_the_position() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.01", "20000", "0.2", "USDT"))
    assert book_exit(desk, fill("0.0096", "20000", "0", "USDT")) == Decimal("-0.2"), "the last part bears all of it"
    assert desk.memory.position is None
    assert desk.memory.dust == Decimal("0.0004")
    assert desk.memory.dust_cost == 8


def test_what_an_order_at_work_has_left_below_the_least_order_is_still_its_own_to_sell() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.01", "20000", "0.2", "USDT"))
    assert book_exit(desk, fill("0.0096", "20000", "0", "USDT"), is_working=True) == Decimal("-0.192")
    assert desk.memory.position is not None
    assert book_exit(desk, fill("0.0004", "20000", "0", "USDT")) == Decimal("-0.008")
    assert desk.memory.dust == desk.memory.dust_cost == 0


def test_a_sale_whose_commission_is_in_base_takes_it_from_what_is_left() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.05", "20000", "0.000008", "BTC"))
    realized = book_exit(desk, fill("0.04999", "21000", "0.0000015", "BTC"))
    assert realized == Decimal("49.99") - Decimal("0.16") - Decimal("0.0315")
    assert desk.memory.dust == Decimal("0.0000005")
    assert desk.memory.quote_change == Decimal(-1000) + Decimal("1049.79")


def test_a_futures_position_closed_in_parts_adds_up_though_its_average_has_no_end() -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.01", "20000", "0", "USDT"), fill("0.02", "20000.01", "0", "USDT"), side=SHORT)
    parts = [book_exit(desk, fill("0.007", "19000", "0", "USDT")) for _ in range(4)]
    parts.append(book_exit(desk, fill("0.002", "19000", "0", "USDT")))
    assert sum(parts) == Decimal("600.0002") - Decimal(570)
    assert desk.memory.position is None
    assert desk.memory.quote_change == Decimal("30.0002")


def test_futures_leave_no_dust() -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.001", "20000", "0", "USDT"))
    book_exit(desk, fill("0.0009", "20000", "0", "USDT"))
    assert desk.memory.position is not None, "a reduce-only order may be as small as a step"


def test_unrealized_pnl_is_what_an_exit_now_would_realise_before_its_fee() -> None:
    desk = Desk.of()
    book_entry(desk, fill("0.05001", "20000", "0.00005001", "BTC"))
    unrealized = unrealized_pnl(desk.memory, RULES, Decimal(21_000))
    assert unrealized == Decimal("49.95")
    assert equity(desk.memory, RULES, Decimal(21_000)) == desk.memory.balance + unrealized
    before = equity(desk.memory, RULES, Decimal(21_000))
    book_exit(desk, fill("0.04995", "21000", "1.04895", "USDT"))
    assert equity(desk.memory, RULES, Decimal(1)) == desk.memory.balance == before - Decimal("1.04895")


def test_a_short_gains_when_the_price_falls() -> None:
    desk = Desk.of(position_type="futures")
    book_entry(desk, fill("0.05", "20000", "0", "USDT"), side=SHORT)
    assert unrealized_pnl(desk.memory, RULES, Decimal(19_000)) == 50
    assert unrealized_pnl(desk.memory, RULES, Decimal(21_000)) == -50


def test_levels_come_from_the_fill_not_from_the_deciding_close() -> None:
    desk = Desk.of(trailing_stop_active=True, trailing_stop_perc=Decimal(3))
    book_entry(desk, fill("0.05", "20010.01", "0", "BTC"))
    position = desk.memory.position
    assert position is not None
    assert position.stop_loss_price == Decimal("19609.81")
    assert position.take_profit_price == Decimal("20810.41")
    assert position.trailing_stop_price == Decimal("19409.71")
    assert position.extreme_price == Decimal("20010.01")


PRICES = st.decimals(Decimal(15_000), Decimal(30_000), places=2)
STEPS = st.integers(100, 9_000).map(lambda steps: steps * RULES.step_size)
TRIPS = st.lists(st.tuples(PRICES, PRICES, PRICES, STEPS, st.booleans()), min_size=1, max_size=8)


@given(
    trips=TRIPS,
    is_futures=st.booleans(),
    in_bnb=st.booleans(),
    fee=st.sampled_from([Decimal(0), Decimal("0.00075"), Decimal("0.001")]),
)
@settings(max_examples=150, deadline=None)
def test_the_books_equal_the_account_over_any_round_trips(
    trips: list[tuple[Decimal, Decimal, Decimal, Decimal, bool]], *, is_futures: bool, in_bnb: bool, fee: Decimal
) -> None:
    desk = Desk.of(position_type="futures" if is_futures else "spot")
    desk.fee = fee
    desk.commission_asset = "BNB" if in_bnb else desk.commission_asset
    total = Decimal(0)
    for number, (first, second, last, quantity, is_short) in enumerate(trips):
        side = SHORT if is_short and is_futures else LONG
        opened = entry(side, f"ema:{number}")
        # Two fills at two prices: their average has no finite decimal.
        desk.enter(opened, first, quantity, minute(number))
        if not is_futures:
            desk.enter(opened, second, quantity, minute(number))
        _agree(desk)
        assert desk.memory.position is not None
        whole = exit_quantity(desk.memory.position, RULES)
        part = (whole / 2).quantize(RULES.step_size)
        for sold, price in ((part, last), (whole - part, second)):
            execution = desk.execution(price, sold, minute(number), is_buy=side is SHORT)
            desk.memory, realized = apply_exit(desk.memory, RULES, execution, commission_prices={"BNB": Decimal(300)})
            total += realized
            assert desk.memory.realized_pnl == total
            _agree(desk)
        assert desk.memory.position is None
        assert 0 <= desk.memory.dust < RULES.step_size
    if is_futures:
        assert desk.memory.balance - desk.memory.starting_balance == total
    else:
        # What was realised is what the account gained, less the book value of the coins that are left.
        assert total == desk.quote + desk.memory.dust_cost - desk.memory.fees_elsewhere


def _agree(desk: Desk) -> None:
    assert desk.memory.quote_change == desk.quote
    assert desk.memory.base_held == desk.base


@given(entry_price=PRICES, exit_price=PRICES, quantity=STEPS, is_short=st.booleans())
@settings(max_examples=150, deadline=None)
def test_realized_pnl_equals_the_formula_in_fractions(
    *, entry_price: Decimal, exit_price: Decimal, quantity: Decimal, is_short: bool
) -> None:
    side = SHORT if is_short else LONG
    desk = held(Desk.of(position_type="futures" if is_short else "spot"), side, entry_price)
    assert desk.memory.position is not None
    entry_fee = Fraction(desk.memory.position.entry_fee)
    sold = exit_quantity(desk.memory.position, RULES)
    execution = desk.execution(exit_price, sold, minute(1), is_buy=is_short)
    exit_fee = sum(Fraction(amount) for _, amount in execution.commissions)
    _, realized = apply_exit(desk.memory, RULES, execution)
    difference = Fraction(exit_price) - Fraction(entry_price)
    assert Fraction(realized) == side.sign * Fraction(sold) * difference - entry_fee - exit_fee
