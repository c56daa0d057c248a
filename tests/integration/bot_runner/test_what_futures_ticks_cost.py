"""Statements, requests and weight of futures ticks, pinned: a change here is a change on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.services import exchange_budget

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.integration.bot_runner.conftest import World


def test_what_a_futures_tick_costs(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_budget, "BAN_KNOWN_SECONDS", 600)  # a slow machine reads the row again in mid-tick
    world = make_world([30] * 5 + [10] * 5 + [-15] * 8)
    bot = world.add_bot(timeframe="5m", position_type="futures", leverage=2)
    costs = {minute: _cost(world, bot, minute) for minute in range(17)}
    assert costs[1] == costs[4] == (2, 0, 0), "flat, no new candle"
    assert costs[6] == costs[9] == (4, 4, 8), "a position and its stop: position, stops, orders, price"
    # Three statements more for who is the first to see a candle, who reads it for everybody; its answer has the price.
    assert costs[10] == costs[15] == (7, 4, 9), "a position and its stop, a new candle"
    # Candles, account, order, trades, stop, take profit.
    assert costs[5] == (16, 6, 12), "an entry, with its stop and take profit"


def _cost(world: World, bot: int, minute: int) -> tuple[int, int, int]:
    before = world.exchange.stats()["total_weight"]
    report = world.tick(bot, minute)
    spent = world.exchange.stats()["total_weight"] - before
    orders = sum(act.endswith((":FILLED", ":NEW")) for act in report.actions)
    assert report.weight == spent + orders, "orders cost the address nothing and are reserved as 1 each"
    return report.statements, report.requests, spent
