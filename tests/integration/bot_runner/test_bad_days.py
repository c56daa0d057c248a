"""Clocks that run away, servers that restart, exchanges that are gone: nothing is lost, and nothing ordered twice."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.misbehaving import Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tests.integration.bot_runner.test_protection import open_at_exchange
from tradebot.errors import OrderRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World
    from tradebot.domain.order import OrderRequest


def test_a_clock_40_seconds_off_signs_nothing_and_says_so(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.go_cold()
    world.lines.now_ns = lambda: time.time_ns() + 40_000_000_000
    assert world.tick(bot, 2).outcome == "deferred"
    assert "differ by -40" in world.state(bot).last_error_message
    assert (world.orders(), world.executions()) == ([], [])


@pytest.mark.parametrize("call", ["send_order", "place_oco", "free_balances"])
def test_a_database_that_restarts_while_the_exchange_is_asked_loses_nothing(
    make_world: Callable[..., World], call: str
) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class LosesItsConnection(Misbehaving):
        def __getattr__(self, name: str) -> Any:
            if name == call:
                world.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'app_worker'"
                    " AND datname = current_database()"
                )
            return super().__getattr__(name)

    world.go_faulty(LosesItsConnection)
    assert traded(world.tick(bot, 2)) == ("entry:FILLED",)
    world.go_cold()
    assert traded(world.tick(bot, 3)) == ()
    assert len(world.executions()) == 1
    assert len(world.resting()) == len(open_at_exchange(world)) == 2
    world.assert_ledger_matches_exchange()


def test_an_exchange_that_is_gone_for_an_hour_finds_the_bot_where_it_left_it(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10, -600, *[5] * 70])
    bot = world.add_bot()
    world.ticks(bot, range(4))
    url = world.exchange.url
    for minute in (4, 5, 6, 30, 63):
        world.exchange.advance(at(minute))
        world.exchange.url = "http://127.0.0.1:9"
        world.go_cold()
        assert world.deliver(bot, minute).outcome in {"deferred", "done"}
        assert "gave no answer" in world.state(bot).last_error_message
        world.exchange.url = url
    assert world.state(bot).in_position, "nobody could tell"
    world.go_cold()
    assert world.ticks(bot, [64]) == ["stop:FILLED"]
    leave = world.trades()[-1]
    assert at(4) <= leave.timestamp < at(4) + timedelta(minutes=1)
    assert not world.state(bot).in_position
    assert len(world.executions()) == 2
    world.assert_ledger_matches_exchange()


def test_a_market_that_is_halted_keeps_the_position_and_its_stop(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, -60, -60, -60])
    bot = world.add_bot()
    world.ticks(bot, range(3))

    class Halted(Misbehaving):
        def send_order(self, _: OrderRequest, __: int) -> Any:
            raise OrderRejectedError("the exchange refused: Market is closed. (-1013)")

    world.go_faulty(Halted)
    assert traded(world.tick(bot, 3)) == ("exit:REJECTED",)
    assert [leg for leg, *_ in world.resting()] == ["stop", "take_profit"]
    assert "Market is closed" in world.state(bot).last_error_message
