"""A worker dies between an entry and its protection, and the user stops the bot before anybody has looked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.integration.bot_runner.conftest import at
from tests.integration.bot_runner.misbehaving import BOTH_MARKETS, KilledError
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tradebot.repositories.bot_states import stop_bots
from tradebot.repositories.session import session_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

STEPS = {
    "spot": ("entry.send", "entry.sent", "intent.stop.commit", "intent.stop.committed", "stop.send", "stop.sent"),
    "futures": (
        *("entry.send", "entry.sent", "intent.stop.commit", "intent.stop.committed", "stop.send", "stop.sent"),
        *("intent.take_profit.commit", "intent.take_profit.committed", "take_profit.send", "take_profit.sent"),
    ),
}


@BOTH_MARKETS
def test_a_bot_that_is_stopped_after_its_worker_died_ends_protected_or_flat(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 10, 10, 10, 10])
    # Each step in an account of its own, all through the same minutes.
    bots = {step: _add_account_and_bot(world, step, market) for step in STEPS[market]}
    for minute in range(2):
        for bot, _ in bots.values():
            world.tick(bot, minute)
    for step, (bot, _) in bots.items():
        _die_at(world, bot, step)
        with session_scope(world.look, world.user_id) as session:
            stop_bots(session, world.user_id, [bot], closing=False)
        world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
        state = world.state(bot)
        assert (state.status, state.next_run_at is not None) == ("stopping", True), f"{step}: a tick comes at once"
        world.expire_lease(bot)
    world.age_orders()
    for minute in (3, 4):
        for bot, _ in bots.values():
            world.tick(bot, minute)
    for step, (bot, api_key) in bots.items():
        state = world.state(bot)
        assert state.status == "stopped", step
        assert state.in_position is (step != "entry.send"), step
        assert _rests(world, bot, api_key) == (["stop", "take_profit"] if state.in_position else []), step


@BOTH_MARKETS
def test_a_bot_that_looks_every_five_minutes_looks_again_in_one_where_its_tick_ran_out_of_time(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([30] * 5 + [10] * 7)
    bot = world.add_bot(position_type=market, timeframe="5m", check_interval_seconds=300)
    world.ticks(bot, [0])
    left = [50_000]

    def too_late(step: str) -> None:
        if step == "entry.sent":
            left.append(11_000)

    undisturbed = world.run_bot
    world.run_bot = replace(world.run_bot, step=too_late)
    world.exchange.advance(at(5))
    report = world.run_bot(bot_config_id=bot, user_id=world.user_id, tick_at=at(5), remaining_ms=lambda: left[-1])
    assert report.outcome == "short"
    assert world.state(bot).next_run_at == at(6), "the position has no stop yet"
    world.run_bot = undisturbed
    world.tick(bot, 6)
    assert "stop" in [leg for leg, *_ in world.resting()]
    assert world.state(bot).next_run_at == at(10)


@BOTH_MARKETS
def test_a_bot_that_is_stopped_while_its_position_has_no_stop_gets_one_at_once(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 10, 10, 10, 10])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(2))

    def too_late(step: str) -> None:
        if step == "entry.sent":
            left.append(11_000)  # of the function's time, too little to send another order

    left = [50_000]
    world.run_bot = replace(world.run_bot, step=too_late)
    world.exchange.advance(at(2))
    world.run_bot(bot_config_id=bot, user_id=world.user_id, tick_at=at(2), remaining_ms=lambda: left[-1])
    assert world.state(bot).in_position
    assert world.resting() == []
    with session_scope(world.look, world.user_id) as session:
        stop_bots(session, world.user_id, [bot], closing=False)
    world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
    world.go_cold()
    world.tick(bot, 3)
    assert [leg for leg, *_ in world.resting()] == ["stop", "take_profit"]
    assert world.state(bot).status == "stopped"


def _add_account_and_bot(world: World, name: str, market: str) -> tuple[int, str]:
    world.add_key(name.replace(".", "-"))
    return world.add_bot(name=name, position_type=market), world.api_key


def _die_at(world: World, bot: int, step: str) -> None:
    def dies(reached: str) -> None:
        if reached == step:
            raise KilledError

    world.go_cold()
    world.run_bot = replace(world.run_bot, step=dies)
    with pytest.raises(KilledError):
        world.tick(bot, 2)
    world.go_cold()


def _rests(world: World, bot: int, api_key: str) -> list[str]:
    """Return what rests by our records, which has to be what rests at the exchange."""
    live = {
        one.client_order_id: one.leg.value
        for one in world.protection()
        if (one.bot_config_id, one.status) == (bot, "NEW")
    }
    account = world.exchange.account(api_key)
    there = {order["client_order_id"] for order in account["open_orders"]}
    there |= {order["client_algo_id"] for order in account["open_algo_orders"]}
    assert there == live.keys()
    return sorted(live.values())
