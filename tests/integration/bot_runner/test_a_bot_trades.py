"""Ticks from entry to exit over real Postgres, real ccxt and the simulated exchange: spot, long and short."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tests.integration.bot_runner.conftest import at

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

#: A turn upwards is a long entry, a turn downwards its exit (on futures a short entry as well).
UP_THEN_DOWN = [-10, 30, 30, 30, -60, -60, -60, -60, -60, -60]


def test_a_spot_bot_enters_holds_and_leaves_by_its_signal(make_world: Callable[..., World]) -> None:
    world = make_world(UP_THEN_DOWN)
    bot = world.add_bot()
    for minute in range(10):
        report = world.tick(bot, minute)
        print(minute, report, world.state(bot))
    world.assert_ledger_matches_exchange()
    entry, leave = world.trades()
    print(entry, leave)
