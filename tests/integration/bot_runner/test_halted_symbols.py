"""Symbols that are halted or delisted: nothing is entered, what rests is left to rest, and the user is told why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bot_runner.misbehaving import Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tests.integration.bot_runner.test_protection import TRAILING, open_at_exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World


def told(world: World) -> list[tuple[str, str]]:
    with world.look.connect() as connection:
        rows = connection.execute(
            text("SELECT kind, payload ->> 'reason' FROM outbox WHERE channel = 'mail' ORDER BY id")
        )
        return [(kind, reason) for kind, reason in rows]


@pytest.mark.parametrize(("market", "status"), [("spot", "HALT"), ("futures", "SETTLING"), ("futures", "PRE_SETTLE")])
def test_an_entry_of_a_symbol_that_does_not_trade_is_refused_in_clear_words(
    make_world: Callable[..., World], market: str, status: str
) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(2))
    world.exchange.set_status(market, "BTCUSDT", status)
    assert world.ticks(bot, [2]) == ["entry:REJECTED"]
    state = world.state(bot)
    assert (state.status, state.in_position) == ("running", False)
    assert "does not trade this symbol now" in state.last_error_message
    assert world.ticks(bot, [3]) == [], "it is not tried again without a signal"


def test_a_flat_bot_of_a_delisted_symbol_ends_in_error_and_says_why(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.exchange.set_status("spot", "BTCUSDT", "DELISTED")
    world.tick(bot, 2)
    state = world.state(bot)
    assert (state.status, state.next_run_at) == ("error", None)
    assert "delisted" in state.last_error_message


@pytest.mark.parametrize(("market", "status"), [("spot", "HALT"), ("futures", "SETTLING")])
def test_a_halt_leaves_a_positions_stop_where_it_rests_and_it_fires_after_the_halt(
    make_world: Callable[..., World], market: str, status: str
) -> None:
    world = make_world([*TURN_UP, 10, 10, 10, -600, 10, 10])
    bot = world.add_bot(position_type=market, leverage=2, max_daily_trades=1)
    world.ticks(bot, range(3))
    rests = open_at_exchange(world)
    world.exchange.set_status(market, "BTCUSDT", status)
    assert world.ticks(bot, [3, 4]) == []
    assert world.state(bot).status == "paused_max_trades"
    assert open_at_exchange(world) == rests != set()
    world.exchange.set_status(market, "BTCUSDT", "TRADING")
    assert world.ticks(bot, [6, 7]) == ["stop:FILLED"]
    world.assert_ledger_matches_exchange()


@pytest.mark.parametrize("market", ["spot", "futures"])
def test_an_exit_in_a_halt_leaves_the_stop_where_it_rests_and_is_sent_when_the_symbol_trades_again(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 30, 30, -60, -60, -60, 10, 10])
    bot = world.add_bot(position_type=market, leverage=2, max_daily_trades=1)
    world.ticks(bot, range(4))
    rests = open_at_exchange(world)
    world.exchange.set_status(market, "BTCUSDT", "HALT" if market == "spot" else "SETTLING")
    for minute in (5, 6):
        assert world.ticks(bot, [minute]) == ([] if market == "spot" else ["exit:REJECTED"])
        assert open_at_exchange(world) == rests != set()
        state = world.state(bot)
        assert (state.in_position, "trade" in state.last_error_message) == (True, True)
        assert "UnprotectedPositions" not in world.emitted
    assert "order_stuck" not in {kind for kind, _ in told(world)}
    world.exchange.set_status(market, "BTCUSDT", "TRADING")
    assert world.ticks(bot, [7]) == ["exit:FILLED"]
    assert len(world.executions()) == 2
    assert open_at_exchange(world) == set()
    world.assert_ledger_matches_exchange()


def test_a_trailing_stop_in_a_halt_stays_where_it_is_and_moves_afterwards(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 200, 10, 10, 10])
    bot = world.add_bot(**TRAILING)
    world.ticks(bot, range(3))
    before, rests = world.resting()[0], open_at_exchange(world)
    world.exchange.set_status("spot", "BTCUSDT", "HALT")
    assert world.ticks(bot, [4]) == []
    assert open_at_exchange(world) == rests
    assert "UnprotectedPositions" not in world.emitted
    world.exchange.set_status("spot", "BTCUSDT", "TRADING")
    world.ticks(bot, [5])
    assert max(price for leg, price, _ in world.resting() if leg == "stop") > before[1]


def test_a_position_whose_user_wants_it_closed_in_a_halt_keeps_its_stop_and_is_closed_afterwards(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    rests = open_at_exchange(world)
    world.exchange.set_status("spot", "BTCUSDT", "HALT")
    world.sql("UPDATE bot_states SET close_requested_at = now(), version = version + 1")
    assert world.ticks(bot, [3]) == []
    assert open_at_exchange(world) == rests
    assert "does not trade" in world.state(bot).last_error_message
    world.exchange.set_status("spot", "BTCUSDT", "TRADING")
    assert world.ticks(bot, [4]) == ["exit:FILLED"]
    assert not world.state(bot).in_position


def test_a_halt_that_begins_after_the_stop_was_cancelled_is_told_and_every_tick_tries_again(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30, -60, -60, -60, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(4))

    class HaltedMeanwhile(Misbehaving):
        def cancel_order_list(self, *arguments: Any) -> Any:
            cancelled = self._account.cancel_order_list(*arguments)
            world.exchange.set_status("spot", "BTCUSDT", "HALT")
            return cancelled

    world.go_faulty(HaltedMeanwhile)
    assert world.ticks(bot, [5]) == ["exit:REJECTED"], "no stop is tried in vain beside it"
    state = world.state(bot)
    assert (state.status, state.in_position) == ("running", True)
    assert "BTCUSDT does not trade at the exchange now: the position is kept without a stop" in state.last_error_message
    assert world.emitted["UnprotectedPositions"] == [1]
    assert [kind for kind, _ in told(world)] == ["order_stuck"]
    assert world.ticks(bot, [6]) == ["exit:REJECTED"]
    world.exchange.set_status("spot", "BTCUSDT", "TRADING")
    assert world.ticks(bot, [7]) == ["exit:FILLED"]
    assert len(world.executions()) == 2
    world.assert_ledger_matches_exchange()


@pytest.mark.parametrize("market", ["spot", "futures"])
@pytest.mark.parametrize("is_cold", [False, True], ids=["warm", "cold"])
def test_a_bot_with_a_position_in_a_delisted_symbol_goes_on_and_its_user_is_told(
    make_world: Callable[..., World], market: str, is_cold: bool
) -> None:
    world = make_world([*TURN_UP, 10, 10, 10, 10])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(3))
    rests = open_at_exchange(world)
    world.exchange.set_status(market, "BTCUSDT", "DELISTED")
    if is_cold:
        world.go_cold()
        world.sql("UPDATE markets SET listed_at = listed_at - interval '2 hours'")
    assert [world.tick(bot, minute).outcome for minute in (3, 4)] == ["deferred", "deferred"]
    state = world.state(bot)
    assert (state.status, state.in_position, world.is_active(bot)) == ("running", True, True)
    assert "not trade" in state.last_error_message
    ((kind, reason),) = told(world)
    assert (kind, "not trade" in reason) == ("order_stuck", True), "once a day"
    world.exchange.set_status(market, "BTCUSDT", "TRADING")
    world.sql("UPDATE markets SET listed_at = listed_at - interval '2 hours'")
    assert world.tick(bot, 5).outcome == "done"
    assert open_at_exchange(world) == rests
    assert world.state(bot).last_error_message is None
    world.assert_ledger_matches_exchange()
