"""A key that its owner or the exchange changes under a bot that holds: nothing is sold twice, the stop rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bot_runner.misbehaving import BOTH_MARKETS
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tests.integration.bot_runner.test_protection import open_at_exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

#: What the exchange makes of the key, and what it makes of it afterwards.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "without trading rights": (
        {"permissions": {"enableSpotAndMarginTrading": False, "enableFutures": False}},
        {"permissions": {"enableSpotAndMarginTrading": True, "enableFutures": True}},
    ),
    "expired": ({"trading_expires": "2020-01-01T00:00:00+00:00"}, {"trading_expires": None}),
    "of the other environment": ({"key_refused": True}, {"key_refused": False}),
}


def change(world: World, values: dict[str, Any]) -> None:
    world.exchange._call("PUT", f"/accounts/{world.api_key}", {"secret_key": world.secret_key, **values})


@BOTH_MARKETS
@pytest.mark.parametrize("name", CHANGES)
def test_an_exit_that_the_key_may_not_send_ends_in_error_with_the_stop_in_place(
    make_world: Callable[..., World], market: str, name: str
) -> None:
    world = make_world([*TURN_UP, 30, -60, -60, -60, *[5] * 20])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(4))
    rests = open_at_exchange(world)
    taken_away, given_back = CHANGES[name]
    change(world, taken_away)
    world.ticks(bot, [4, 5])
    state = world.state(bot)
    assert (state.status, state.in_position, world.is_active(bot)) == ("error", True, False)
    assert "refuses the API key" in state.last_error_message
    with world.look.connect() as connection:
        kinds = connection.execute(text("SELECT kind FROM outbox WHERE channel = 'mail'")).scalars().all()
    assert kinds == ["key_refused"]
    assert len(world.executions()) == 1
    change(world, given_back)
    assert open_at_exchange(world) == rests != set()
    world.tick(bot, 20)
    assert open_at_exchange(world) == rests, "it is looked after, and nothing was forgotten"
    world.assert_ledger_matches_exchange()
