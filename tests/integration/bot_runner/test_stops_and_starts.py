"""Bots that their user stops or starts while something is under way: nothing is sent twice, nothing is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.misbehaving import LosesTheAnswer, Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World
    from tradebot.domain.order import OrderRequest
    from tradebot.exchange.protocol import VenueOrder


def _stop(world: World, bot: int) -> None:
    """Do what the API does when a user stops a bot."""
    world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
    world.sql(
        "UPDATE bot_states SET version = version + 1, next_run_at = NULL, status ="
        " CASE WHEN lease_expires_at > now() THEN 'stopping' ELSE 'stopped' END WHERE id = :bot",
        bot=bot,
    )


def _start(world: World, bot: int) -> None:
    """Do what the API does when a user starts a bot: flat, it forgets; with a position, it keeps its memory."""
    world.sql("UPDATE bot_configs SET is_active = true WHERE id = :bot", bot=bot)
    world.sql(
        "UPDATE bot_states SET status = 'starting', next_run_at = '1970-01-01+00', started_at = now(),"
        " strategy_state = CASE WHEN in_position THEN strategy_state END,"
        " last_closed_candle_at = CASE WHEN in_position THEN last_closed_candle_at END,"
        " version = version + 1 WHERE id = :bot",
        bot=bot,
    )


def test_a_bot_that_is_stopped_while_it_ticks_orders_nothing_and_stays_stopped(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class StoppedMeanwhile(Misbehaving):
        def free_balances(self) -> Any:
            _stop(world, bot)
            return self._account.free_balances()

    world.go_faulty(StoppedMeanwhile)
    world.tick(bot, 2)
    state = world.state(bot)
    assert (state.status, state.next_run_at, state.lease_expires_at) == ("stopped", None, None)
    assert world.executions() == []


def test_a_bot_that_is_stopped_while_its_order_is_under_way_keeps_the_position(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class StoppedMeanwhile(Misbehaving):
        def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
            _stop(world, bot)
            sent: VenueOrder = self._account.send_order(request, signed_at_ms)
            return sent

    world.go_faulty(StoppedMeanwhile)
    world.tick(bot, 2)
    state = world.state(bot)
    assert (state.status, state.in_position) == ("stopped", True)
    world.assert_ledger_matches_exchange()


def test_a_stopped_bot_with_an_order_in_doubt_ticks_until_it_is_settled(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.go_faulty(LosesTheAnswer)
    world.tick(bot, 2)
    _stop(world, bot)
    world.sql("UPDATE bot_states SET next_run_at = '1970-01-01+00' WHERE id = :bot", bot=bot)
    report = world.tick(bot, 3)
    assert (report.outcome, traded(report)) == ("watched", ("recovered_entry:FILLED",))
    state = world.state(bot)
    assert (state.status, state.next_run_at, state.in_position) == ("stopped", at(5), True)


def test_a_bot_that_was_stopped_and_started_with_an_order_in_doubt_adopts_it(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30, -300, -300, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.go_faulty(LosesTheAnswer)
    world.tick(bot, 2)
    _stop(world, bot)
    _start(world, bot)
    world.go_cold()
    report = world.tick(bot, 4)
    assert traded(report) == ("recovered_entry:FILLED",)
    state = world.state(bot)
    assert (state.in_position, state.status, state.daily_trades_count) == (True, "running", 1)
    assert [leg for leg, *_ in world.resting()] == ["stop", "take_profit"], "it is guarded again"
    assert world.ticks(bot, [5, 6]) == ["exit:FILLED"]
    world.assert_ledger_matches_exchange()


def test_a_bot_that_is_started_again_with_a_position_guards_it(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30, 30, -500, -300, 10])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    _stop(world, bot)
    _start(world, bot)
    world.go_cold()
    assert traded(world.tick(bot, 5)) == ()
    state = world.state(bot)
    assert (state.in_position, state.last_closed_candle_at, state.daily_trades_count) == (True, at(4), 1)
    assert world.ticks(bot, [6, 7]) == ["stop:FILLED"]
    assert world.trades()[-1].reason == "stop_loss"
    world.assert_ledger_matches_exchange()
