"""Orders of which the book takes a part: what rests is for what is left, and the books follow to the last decimal."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.misbehaving import BOTH_MARKETS, Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tests.integration.bot_runner.test_protection import open_at_exchange
from tradebot.domain.order import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

#: Above the take profit once, and then back below it.
TO_TAKE_PROFIT = [*TURN_UP, (800, 10, 0), (-60, 0, 0), 10, 10, (120, 10, 0), 10, 10, 10]


def assert_protected(world: World, bot: int, left: Decimal) -> None:
    """The books, our records and the exchange agree on what is left and on what rests beside it."""
    assert [quantity for _, _, quantity in left_of_resting(world)] == [left] * 2
    live = {one.client_order_id for one in world.protection() if one.status in {"NEW", "PARTIALLY_FILLED"}}
    assert open_at_exchange(world) == live
    assert world.state(bot).in_position


def left_of_resting(world: World) -> list[tuple[str, Decimal, Decimal]]:
    return [
        (one.leg.value, one.stop_price or one.price, one.quantity - one.executed_qty)
        for one in world.protection()
        if one.status in {"NEW", "PARTIALLY_FILLED"}
    ]


def assert_books_close(world: World, bot: int, market: str) -> None:
    """Flat, one trade per order, and the money at the exchange changed by what was realised."""
    world.assert_ledger_matches_exchange()
    assert open_at_exchange(world) == set()
    state, trades = world.state(bot), world.trades()
    assert not state.in_position
    assert len({trade.binance_order_id for trade in trades}) == len(trades)
    assert sum(trade.realized_pnl or 0 for trade in trades) == state.realized_pnl
    account = world.exchange.account(world.api_key)
    if market == "futures":
        assert Decimal(account["futures"]["USDT"]["wallet"]) - 10_000 == state.realized_pnl
    else:
        memory = state.strategy_state
        assert Decimal(account["spot"]["BTC"]["free"]) == Decimal(memory["dust"])
        assert Decimal(account["spot"]["USDT"]["free"]) - 10_000 == state.realized_pnl - Decimal(memory["dust_cost"])


@BOTH_MARKETS
def test_a_take_profit_that_filled_in_part_leaves_the_rest_protected_and_its_pnl_pro_rata(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world(TO_TAKE_PROFIT)
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(3))
    whole, levels = world.resting()[0][2], [one[:2] for one in world.resting()]
    world.exchange.limit_liquidity(resting="0.4")
    assert world.ticks(bot, [4]) == ["take_profit:PARTIALLY_FILLED"]
    part = world.trades()[-1]
    assert (part.reason, part.realized_pnl > 0, 0 < part.quantity_filled < whole) == ("take_profit", True, True)
    assert_protected(world, bot, whole - part.quantity_filled)
    assert [(leg, price) for leg, price, _ in sorted(left_of_resting(world))] == levels
    world.exchange.limit_liquidity()
    assert world.ticks(bot, [5, 6, 7]) == ["take_profit:FILLED"]
    assert_books_close(world, bot, market)
    gains = {trade.reason: trade.realized_pnl for trade in world.trades()[1:]}
    assert set(gains) == {"take_profit"}
    if market == "futures":
        # One order at the exchange, so one trade, however often it filled.
        assert len(world.trades()) == 2
        assert world.trades()[1].quantity_filled == whole
    else:
        # Binance ends the stop at the first part, so that a new list rests for the rest.
        first, second = world.trades()[1:]
        ratio = (first.realized_pnl / first.quantity_filled) / (second.realized_pnl / second.quantity_filled)
        assert abs(ratio - 1) < Decimal("0.001")


@BOTH_MARKETS
def test_a_stop_that_the_book_took_a_part_of_leaves_the_rest_at_the_market(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 10, -600, 10, 10, 10])
    bot = world.add_bot(position_type=market, leverage=2, max_daily_trades=1)
    world.ticks(bot, range(3))
    whole = world.resting()[0][2]
    world.exchange.limit_liquidity(taking="0.5")
    world.exchange.advance(at(4))
    world.exchange.limit_liquidity()
    actions = world.deliver(bot, 4).actions
    assert actions[0] == "stop:EXPIRED"
    assert "exit:FILLED" in actions
    _, part, rest = world.trades()
    assert (part.reason, rest.reason) == ("stop_loss", "stop_loss")
    assert 0 < part.quantity_filled < whole == part.quantity_filled + rest.quantity_filled
    assert_books_close(world, bot, market)


@BOTH_MARKETS
@pytest.mark.parametrize("parts", [1, 3])
def test_an_entry_that_the_book_took_a_part_of_is_protected_for_that_part(
    make_world: Callable[..., World], market: str, parts: int
) -> None:
    world = make_world([*TURN_UP, 10, 10, -60, -60, -60])
    bot = world.add_bot(position_type=market, max_daily_trades=1)
    world.ticks(bot, range(2))
    world.exchange.limit_liquidity(taking="0.5", parts=parts)
    assert traded(world.tick(bot, 2)) == ("entry:EXPIRED",)
    world.exchange.limit_liquidity()
    (entry,) = world.trades()
    (order,) = world.orders()
    assert (order.executed_qty, len(world.fills())) == (entry.quantity_filled, parts)
    assert entry.quantity_filled < order.quantity
    held = world.state(bot).current_position_size_coins
    assert_protected(world, bot, held.quantize(Decimal("0.00001" if market == "spot" else "0.001"), "ROUND_DOWN"))
    assert world.ticks(bot, [3, 4, 5, 6]) == ["exit:FILLED"]
    assert_books_close(world, bot, market)


def test_an_entry_whose_first_part_was_too_small_to_sell_counts_once(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10, 10])
    bot = world.add_bot(max_daily_trades=2, position_size_fixed=Decimal(100))
    world.ticks(bot, range(2))
    world.exchange.limit_liquidity(parts=100)

    class ShowsTheFirstPart(Misbehaving):
        def send_order(self, *arguments: Any) -> Any:
            sent = self._account.send_order(*arguments)
            first = sent.fills[0]
            return replace(
                sent,
                status=OrderStatus.PARTIALLY_FILLED,
                executed_quantity=first.quantity,
                quote_quantity=first.quote_quantity,
                fills=(first,),
            )

    world.go_faulty(ShowsTheFirstPart)
    assert world.tick(bot, 2).actions == ("entry:PARTIALLY_FILLED",)
    assert not world.state(bot).in_position, "so little cannot be sold"
    world.go_cold()
    world.exchange.limit_liquidity()
    assert "recovered_entry:FILLED" in world.tick(bot, 3).actions
    state = world.state(bot)
    assert (state.in_position, state.daily_trades_count, state.status) == (True, 1, "running")
    assert sum(fill.quantity for fill in world.fills()) == world.orders()[0].quantity
    world.assert_ledger_matches_exchange()


def test_an_entry_that_the_book_took_nothing_of_is_not_sent_again(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.exchange.limit_liquidity(taking="0.00001")
    assert traded(world.tick(bot, 2)) == ("entry:EXPIRED",)
    assert "EXPIRED by the exchange" in world.state(bot).last_error_message
    world.exchange.limit_liquidity()
    assert world.ticks(bot, [3]) == []
    assert (world.trades(), world.executions(), open_at_exchange(world)) == ([], [], set())


@BOTH_MARKETS
def test_an_exit_that_the_book_took_a_part_of_is_protected_and_goes_on_in_the_next_tick(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 30, 30, -60, -60, -60, -60])
    bot = world.add_bot(position_type=market, max_daily_trades=1)
    world.ticks(bot, range(5))
    whole = world.resting()[0][2]
    world.exchange.limit_liquidity(taking="0.5")
    assert traded(world.tick(bot, 5)) == ("exit:EXPIRED",)
    part = world.trades()[-1]
    assert_protected(world, bot, whole - part.quantity_filled)
    world.exchange.limit_liquidity()
    assert world.ticks(bot, [6]) == ["exit:FILLED"]
    first, again = world.orders()[1:]
    assert (first.decision_key, first.attempt, again.attempt) == (again.decision_key, 1, 2)
    assert_books_close(world, bot, market)


def test_a_rest_too_small_for_any_order_becomes_dust_on_spot(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, (800, 10, 0), (-60, 0, 0), 10, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    whole = world.resting()[0][2]
    world.exchange.limit_liquidity(resting="0.998")
    world.tick(bot, 4)
    state = world.state(bot)
    assert not state.in_position
    assert Decimal(state.strategy_state["dust"]) >= whole - world.trades()[-1].quantity_filled > 0
    assert open_at_exchange(world) == set()
    assert world.ticks(bot, [5, 6]) == []
