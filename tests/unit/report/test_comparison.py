"""A bot's trades beside the backtest's: what belongs together, and which cause each difference has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tradebot.report.comparison import Cause, ComparedTrade, Obstacle, compare

AT = datetime(2023, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENTRY = ComparedTrade(
    AT, "entry", "LONG", "entry_signal", Decimal(100), Decimal(2), Decimal(200), Decimal("0.2"), "USDT", None
)
EXIT = replace(ENTRY, at=AT + 9 * MINUTE, leg="exit", reason="take_profit")


def causes(live: list[ComparedTrade], tested: list[ComparedTrade], paused: bool = False) -> list[list[Cause]]:
    off = [Obstacle(AT - MINUTE, AT + MINUTE, Cause.PAUSE, "It was off.")] if paused else []
    pairs = compare(live, tested, timeframe=5 * MINUTE, obstacles=off)
    return [[difference.cause for difference in pair.differences] for pair in pairs]


def test_what_agrees_has_no_difference() -> None:
    assert causes([ENTRY, EXIT], [ENTRY, EXIT]) == [[], []]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"price": Decimal("100.05")}, Cause.SLIPPAGE),
        ({"fee": Decimal("0.15")}, Cause.FEE_TIER),
        ({"fee": None, "fee_asset": "BNB"}, Cause.FEE_TIER),
        ({"ordered_quantity": Decimal(3)}, Cause.PARTIAL_FILL),
        ({"quantity": Decimal(1), "quote": Decimal(100), "fee": Decimal("0.1")}, Cause.SIZE),
        ({"at": AT + 5 * MINUTE}, Cause.DELAY),
        ({"reason": "manual"}, Cause.REASON),
    ],
)
def test_each_difference_has_its_cause(change: dict[str, object], cause: Cause) -> None:
    assert causes([replace(ENTRY, **change)], [ENTRY]) == [[cause]]  # type: ignore[arg-type]  # by field name


def test_slippage_costs_what_was_paid_more_and_brings_what_was_got_more() -> None:
    dearer = replace(ENTRY, price=Decimal("100.05"))
    for live, tested, amount in (
        (dearer, ENTRY, "-0.10"),
        (replace(dearer, leg="exit"), replace(ENTRY, leg="exit"), "0.10"),
    ):
        ((pair,),) = [compare([live], [tested], timeframe=MINUTE, obstacles=[])]
        assert pair.differences[0].amount == Decimal(amount)


def test_a_trade_that_the_bot_did_not_make_is_a_pause_a_missed_tick_or_follows() -> None:
    assert causes([], [ENTRY, EXIT], paused=True) == [[Cause.PAUSE], [Cause.FOLLOWS]]
    assert causes([], [ENTRY, EXIT]) == [[Cause.MISSED_TICK], [Cause.FOLLOWS]]


@pytest.mark.parametrize("cause", [Cause.ORDER, Cause.KILL_SWITCH, Cause.FINDING])
def test_a_missed_entry_names_what_stood_in_its_way_and_the_exit_follows(cause: Cause) -> None:
    early = Obstacle(AT - 9 * MINUTE, AT, Cause.PAUSE, "Too early.")
    stood = Obstacle(AT, AT + 20 * MINUTE, cause, "It stood in the way.")
    missed, left = compare([], [ENTRY, EXIT], timeframe=5 * MINUTE, obstacles=[early, stood])
    assert [(one.cause, one.detail) for one in missed.differences] == [(cause, "It stood in the way.")]
    assert [one.cause for one in left.differences] == [Cause.FOLLOWS]


def test_a_trade_that_the_backtest_did_not_make_is_its_users_or_follows() -> None:
    assert causes([ENTRY, replace(EXIT, reason="manual")], []) == [[Cause.FOLLOWS], [Cause.MANUAL]]


def test_trades_further_apart_than_a_candle_are_not_the_same() -> None:
    assert causes([replace(ENTRY, at=AT + 6 * MINUTE)], [ENTRY]) == [[Cause.MISSED_TICK], [Cause.FOLLOWS]]
