"""Closing a position because its user asked for it, whatever state the bot is in, and what a stop leaves behind."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bot_runner.conftest import at
from tests.integration.bot_runner.test_protection import stranger
from tradebot.domain.order import OrderRequest, OrderType, Side
from tradebot.errors import ExchangeUnavailableError
from tradebot.observability import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

RISE = [10] * 20
MARKETS = [{}, {"position_type": "futures"}]


def holding(make_world: Callable[..., World], **values: Any) -> tuple[World, int]:
    """Return a bot that has just bought."""
    world = make_world(RISE)
    bot = world.add_bot(**values)
    world.tick(bot, 0)
    assert "entry:FILLED" in world.ticks(bot, range(1, 6))
    return world, bot


def ask_to_close(world: World, bot: int, status: str = "stopping") -> None:
    """Do what the API does."""
    world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
    world.sql(
        "UPDATE bot_states SET status = :status, next_run_at = '1970-01-01Z', close_requested_at = now(),"
        " version = version + 1 WHERE id = :bot",
        bot=bot,
        status=status,
    )


def close(world: World, bot: int) -> Any:
    """Deliver the event that the API sends."""
    try:
        return world.run_bot(bot_config_id=bot, user_id=world.user_id, tick_at=None, remaining_ms=lambda: 50_000)
    finally:
        metrics().clear_metrics()  # as the end of an invocation does


@pytest.mark.rule(34)
@pytest.mark.parametrize("values", MARKETS, ids=["spot", "futures"])
@pytest.mark.parametrize("status", ["stopping", "error", "paused_daily_loss"])
def test_a_position_is_closed_at_once_in_any_state(
    make_world: Callable[..., World], values: dict[str, Any], status: str
) -> None:
    world, bot = holding(make_world, **values)
    ask_to_close(world, bot, status)
    assert "exit:FILLED" in close(world, bot).actions
    state = world.state(bot)
    assert (state.in_position, state.status, state.next_run_at) == (False, "stopped", None)
    assert state.close_requested_at is None
    assert state.last_run_at == at(5), "no schedule named this tick: the market stood at the last one"
    assert [trade.reason for trade in world.trades()] == ["entry_signal", "manual"]
    world.assert_ledger_matches_exchange()


def test_a_switch_does_not_keep_a_position_from_being_closed(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    for table in ("bot_states", "users", "platform_switches"):
        world.sql(f"UPDATE {table} SET kill_switch_at = now(), kill_switch_by = 'operator'")
    ask_to_close(world, bot)
    close(world, bot)
    assert world.state(bot).in_position is False


def test_the_schedule_closes_what_the_event_did_not(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    ask_to_close(world, bot)
    assert "exit:FILLED" in world.tick(bot, 6).actions
    assert world.state(bot).status == "stopped"


def test_delivered_twice_it_sells_once(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    ask_to_close(world, bot)
    close(world, bot)
    assert close(world, bot).outcome == "busy"
    assert [execution["side"] for execution in world.executions()] == ["BUY", "SELL"]


class LostAnswer:
    """An account whose answer to the first order is lost."""

    def __init__(self, account: Any, seen: list[str]) -> None:
        self._account, self._seen = account, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def send_order(self, request: Any, signed_at_ms: int) -> Any:
        answer = self._account.send_order(request, signed_at_ms)
        if not self._seen:
            self._seen.append(request.client_order_id)
            raise ExchangeUnavailableError("the answer is lost")
        return answer


def test_a_close_whose_answer_is_lost_is_settled_and_not_sent_again(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    ask_to_close(world, bot)
    seen: list[str] = []
    world.go_faulty(lambda account: LostAnswer(account, seen))
    close(world, bot)
    assert seen
    world.age_orders()
    world.tick(bot, 6)
    state = world.state(bot)
    assert (state.in_position, state.status, state.close_requested_at) == (False, "stopped", None)
    assert [execution["side"] for execution in world.executions()] == ["BUY", "SELL"]
    world.assert_ledger_matches_exchange()


def test_an_exchange_that_is_down_is_tried_again_each_minute(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world, check_interval_seconds=60)
    ask_to_close(world, bot)
    world.exchange.stop()
    close(world, bot)
    state = world.state(bot)
    assert (state.in_position, state.close_requested_at is not None) == (True, True)
    assert state.next_run_at == at(6)
    assert state.last_error_message


def test_a_key_that_is_refused_ends_the_try_with_words(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    world.sql("UPDATE api_keys SET is_valid = false, check_error = 'the key is gone'")
    ask_to_close(world, bot)
    close(world, bot)
    state = world.state(bot)
    assert (state.status, state.next_run_at, state.close_requested_at) == ("error", at(20), None)
    assert "the key is gone" in state.last_error_message


def test_what_is_too_little_to_sell_stays_as_dust_and_the_bot_stops(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    world.sql(
        "UPDATE bot_states SET strategy_state = jsonb_set(strategy_state, '{position,quantity}', '\"0.0001\"')"
        " WHERE id = :bot",
        bot=bot,
    )
    ask_to_close(world, bot)
    assert "kept_as_dust" in close(world, bot).actions
    state = world.state(bot)
    assert (state.in_position, state.status, state.close_requested_at) == (False, "stopped", None)
    assert (state.next_run_at, state.strategy_state["dust"]) == (None, "0.0001")
    assert "0.0001 BTC cannot be sold" in state.last_error_message
    assert len(world.executions()) == 1
    assert world.resting() == []


@pytest.mark.parametrize("values", MARKETS, ids=["spot", "futures"])
def test_what_its_user_has_sold_by_hand_is_not_tried_for_ever(
    make_world: Callable[..., World], values: dict[str, Any]
) -> None:
    world, bot = holding(make_world, **values)
    line = stranger(world, values.get("position_type", "spot"))
    line.synchronise_clock()
    for order in line.open_orders("BTCUSDT")[:1]:  # on spot one takes the other with it
        line.cancel_order("BTCUSDT", order.client_order_id, line.wire_now_ms())
    quantity = world.state(bot).current_position_size_coins.quantize(Decimal("0.001"), ROUND_DOWN)
    request = OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, quantity, "by-hand", reduce_only=bool(values))
    line.send_order(request, line.wire_now_ms())
    ask_to_close(world, bot)
    world.tick(bot, 6)
    if world.state(bot).status == "stopping":
        world.tick(bot, 7)  # a rest of it was there
    state = world.state(bot)
    assert (state.status, state.close_requested_at) == ("stopped", None)
    assert "nothing to close" in state.last_error_message or "cannot be sold" in state.last_error_message


@pytest.mark.rule(34)
def test_a_stop_that_keeps_leaves_the_position_alone(make_world: Callable[..., World]) -> None:
    world, bot = holding(make_world)
    world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
    world.sql(
        "UPDATE bot_states SET status = 'stopping', next_run_at = '1970-01-01Z', version = version + 1 WHERE id = :bot",
        bot=bot,
    )
    world.tick(bot, 6)
    state = world.state(bot)
    assert (state.in_position, state.status) == (True, "stopped")
    assert len(world.executions()) == 1


@pytest.mark.parametrize("minutes_later", [0, 7])
def test_a_position_on_paper_is_closed_at_the_price_now(make_world: Callable[..., World], minutes_later: int) -> None:
    world = make_world(RISE)
    bot = world.add_bot(api_key_id=None, timeframe="5m", take_profit_perc=9)
    world.tick(bot, 0)
    assert world.ticks(bot, range(1, 11)) == ["entry:FILLED"]
    world.exchange.advance(at(10 + minutes_later))
    ask_to_close(world, bot)
    assert "exit:FILLED" in close(world, bot).actions
    state = world.state(bot)
    assert (state.in_position, state.status, state.close_requested_at) == (False, "stopped", None)
    entry, leaving = world.trades()
    assert (entry.reason, leaving.reason) == ("entry_signal", "manual")
    now = 20_000 + 10 * (10 + minutes_later)
    assert abs(leaving.price - now) < now / 1000
    # A start goes on from there, flat, and does not trade it again.
    world.sql("UPDATE bot_configs SET is_active = true WHERE id = :bot", bot=bot)
    world.sql("UPDATE bot_states SET status = 'starting', next_run_at = '1970-01-01Z' WHERE id = :bot", bot=bot)
    world.tick(bot, 18)
    assert len(world.trades()) == 2
    assert world.state(bot).realized_pnl == leaving.realized_pnl
