"""What an entry on futures stands on: isolated margin, the bot's leverage, nobody else's position."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bot_runner.conftest import traded
from tests.integration.bot_runner.misbehaving import Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tests.integration.bot_runner.test_protection import findings, stranger
from tradebot.domain.order import OrderRequest, OrderType, Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

TURNS = [*TURN_UP, 10, 10, -60, -60, -60, 30, 60, 60]


def asked_for(world: World, name: str) -> list[Any]:
    """Return what the bot calls by this name from now on."""
    calls: list[Any] = []

    class Notes(Misbehaving):
        def __getattr__(self, wanted: str) -> Any:
            if wanted == name:
                calls.append(wanted)
            return super().__getattr__(wanted)

    world.go_faulty(Notes)
    return calls


def by_hand(world: World, side: Side, quantity: str) -> None:
    line = stranger(world, "futures")
    line.synchronise_clock()
    order = OrderRequest("BTCUSDT", side, OrderType.MARKET, Decimal(quantity), f"by-hand-{side}")
    line.send_order(order, line.wire_now_ms())


@pytest.mark.rule(12)
def test_margin_type_and_leverage_are_set_by_the_start_and_entries_find_them_so(
    make_world: Callable[..., World],
) -> None:
    world = make_world(TURNS)
    bot = world.add_bot(position_type="futures", leverage=7)
    world.tick(bot, 0)
    standing = stranger(world, "futures").standing("BTCUSDT")
    assert (standing.leverage, standing.is_isolated) == (7, True)
    settings = asked_for(world, "prepare_symbol")
    acts = world.ticks(bot, range(1, 11))
    assert acts.count("entry:FILLED") >= 2
    assert settings == []


@pytest.mark.rule(12)
def test_what_was_set_otherwise_since_the_start_is_set_back_before_an_entry(make_world: Callable[..., World]) -> None:
    world = make_world(TURNS)
    bot = world.add_bot(position_type="futures", leverage=7)
    world.ticks(bot, range(2))
    line = stranger(world, "futures")
    line.prepare_symbol("BTCUSDT", 20)
    assert world.ticks(bot, [2]) == ["entry:FILLED"]
    assert line.position("BTCUSDT").leverage == 7


@pytest.mark.rule(12)
def test_a_position_that_somebody_opened_since_the_last_comparison_is_not_entered_onto(
    make_world: Callable[..., World],
) -> None:
    world = make_world(TURNS)
    bot = world.add_bot(position_type="futures")
    world.ticks(bot, range(2))
    by_hand(world, Side.SELL, "0.01")
    assert world.ticks(bot, [2]) == []
    state = world.state(bot)
    assert (state.status, state.in_position) == ("running", False)
    assert "position in BTCUSDT that this bot did not open: -0.01. Close it first." in state.last_error_message
    assert [(one.kind, one.resolved_at) for one in findings(world)] == [("position_differs", None)]
    assert len(world.executions()) == 1
    by_hand(world, Side.BUY, "0.01")
    acts = world.ticks(bot, range(3, 11))
    assert acts[0] == "entry:FILLED", "the next signal after it is gone"
    assert findings(world)[0].resolved_at is not None


@pytest.mark.rule(12)
def test_a_start_soon_after_a_comparison_sees_a_position_that_is_not_its_own(make_world: Callable[..., World]) -> None:
    world = make_world(TURNS)
    bot = world.add_bot(position_type="futures")
    world.ticks(bot, range(2))
    by_hand(world, Side.SELL, "0.01")
    world.sql("UPDATE bot_states SET status = 'starting', version = version + 1")
    assert world.tick(bot, 2).outcome == "error"
    assert "Close it first" in world.state(bot).last_error_message
    assert len(world.executions()) == 1


def test_a_start_says_at_once_what_the_exchange_does_not_set(make_world: Callable[..., World]) -> None:
    world = make_world(TURNS)
    line = stranger(world, "futures")
    order = OrderRequest("BTCUSDT", Side.BUY, OrderType.LIMIT, Decimal("0.01"), "by-hand", price=Decimal("19500.00"))
    line.send_order(order, line.wire_now_ms())
    bot = world.add_bot(position_type="futures")
    assert world.tick(bot, 0).outcome == "error"
    assert "open orders" in world.state(bot).last_error_message


def test_a_reversal_is_not_kept_back_by_reads_that_still_show_what_it_closed(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10, -60, -60, -60])
    bot = world.add_bot(position_type="futures")
    world.ticks(bot, range(3))
    held = stranger(world, "futures").standing("BTCUSDT")

    class LagsBehind(Misbehaving):
        def standing(self, symbol: str) -> Any:
            return self._account.standing(symbol)._replace(quantity=held.quantity)

    world.go_faulty(LagsBehind)
    acts = [act for minute in range(3, 6) for act in traded(world.tick(bot, minute))]
    assert acts == ["exit:FILLED", "entry:FILLED"]
    world.assert_ledger_matches_exchange()
