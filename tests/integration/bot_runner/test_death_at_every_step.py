"""The worker dies at a step, any step: after two clean ticks the database and the exchange agree."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.integration.bot_runner.misbehaving import KilledError
from tests.integration.bot_runner.test_protection import open_at_exchange
from tradebot.services.run_bot.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

#: Up and down for as long as it takes, so that entries, exits, stops and moves come again and again.
WAVES = [-10, 30, 60, 60, -60, -60, -60, -60] * 32
#: On spot the take profit is a leg of the stop's list.
NEVER_ON_SPOT = {name for name in STEPS if "take_profit" in name}


@pytest.mark.parametrize("market", ["spot", "futures"])
def test_after_a_death_at_any_step_two_ticks_put_all_in_order(make_world: Callable[..., World], market: str) -> None:
    world = make_world(WAVES)
    bot = world.add_bot(position_type=market, trailing_stop_active=True, trailing_stop_perc=Decimal("1.5"), leverage=2)
    minute = 0
    steps = [name for name in STEPS if market == "futures" or name not in NEVER_ON_SPOT]
    for name in steps:
        minute = _die_at(world, bot, name, minute)
        world.expire_lease(bot)
        world.age_orders()
        for _ in range(2):
            minute += 1
            world.tick(bot, minute)
        _assert_agreement(world, bot, market, name)
    reasons = {trade.reason.value for trade in world.trades()}
    assert {"entry_signal", "exit_signal"} <= reasons
    assert len(world.trades()) > len(steps)


def _die_at(world: World, bot: int, name: str, minute: int) -> int:
    """Tick until the step comes, and die there; return the minute."""

    def step(reached: str) -> None:
        if reached == name:
            raise KilledError

    world.go_cold()
    world.run_bot = replace(world.run_bot, step=step)
    for _ in range(24):
        minute += 1
        try:
            world.tick(bot, minute)
        except KilledError:
            world.go_cold()
            return minute
    raise AssertionError(f"no tick came to {name}")


def _assert_agreement(world: World, bot: int, market: str, name: str) -> None:
    world.assert_ledger_matches_exchange()
    ours = {one.client_order_id for one in world.protection() if one.status in {"NEW", "PARTIALLY_FILLED"}}
    assert open_at_exchange(world) == ours, name
    state = world.state(bot)
    assert any(one.leg == "stop" and one.client_order_id in ours for one in world.protection()) is state.in_position
    assert not [one for one in (*world.orders(), *world.protection()) if one.status in {"SENDING", "UNKNOWN"}], name
    account = world.exchange.account(world.api_key)
    memory = state.strategy_state
    position = memory["position"]
    if market == "futures":
        held = {row["symbol"]: Decimal(row["quantity"]) for row in account["positions"]}.get("BTCUSDT", Decimal(0))
        sign = 0 if position is None else 1 if position["side"] == "LONG" else -1
        assert held == sign * Decimal(position["quantity"] if position else 0), name
    else:
        coins = account["spot"].get("BTC", {"free": "0", "locked": "0"})
        assert Decimal(coins["free"]) + Decimal(coins["locked"]) == Decimal(
            position["quantity"] if position else memory["dust"]
        ), name
