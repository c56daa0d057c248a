"""Ticks from entry to exit over real Postgres, real ccxt and the simulated exchange: spot, futures long and short."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tests.integration.bot_runner.conftest import at
from tradebot.services import exchange_budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

#: A turn upwards is a long entry, a turn downwards its exit; on futures that is a short entry as well.
TURN_UP = [-10, 30]
UP_THEN_DOWN = [*TURN_UP, 30, 30, -60, -60, -60, -60]


def test_a_spot_bot_enters_holds_and_leaves_by_its_signal(make_world: Callable[..., World]) -> None:
    world = make_world(UP_THEN_DOWN)
    bot = world.add_bot()
    assert world.ticks(bot, range(3)) == ["entry:FILLED"]
    state = world.state(bot)
    (entry,) = world.trades()
    # The market stands at 20,020 when the candle has closed; the fill is 2 bps worse, to the tick.
    assert (entry.price, entry.quantity_filled) == (Decimal("20024.01"), Decimal("0.04995"))
    assert (entry.reason, entry.realized_pnl, entry.commission_asset) == ("entry_signal", None, "BTC")
    assert (state.in_position, state.status, state.entry_price) == (True, "running", Decimal("20024.01"))
    assert state.current_position_size_coins == Decimal("0.04995") - Decimal("0.00004995")
    assert (state.stop_loss_price, state.take_profit_price) == (Decimal("19623.53"), Decimal("20824.97"))
    assert (state.position_side, state.daily_trades_count, state.last_price) == (None, 1, 20_020)

    assert world.ticks(bot, range(3, 8)) == ["exit:FILLED"]
    state = world.state(bot)
    _, leave = world.trades()
    assert (leave.reason, leave.side, leave.quantity_filled) == ("exit_signal", "SELL", Decimal("0.0499"))
    assert (state.in_position, state.entry_price, state.stop_loss_price) == (False, None, None)
    assert state.realized_pnl == state.daily_pnl == leave.realized_pnl
    world.assert_ledger_matches_exchange()
    # What was realised is what the account lost, but for the coins too few to sell, which stay at their cost.
    account = world.exchange.account(world.api_key)["spot"]
    memory = state.strategy_state
    assert Decimal(account["BTC"]["free"]) == Decimal(memory["dust"]) == Decimal("0.00000005")
    assert Decimal(account["USDT"]["free"]) - 10_000 == leave.realized_pnl - Decimal(memory["dust_cost"])


@pytest.mark.parametrize(
    ("fall", "leg", "reason"),
    [([-200, -200, -200], "stop", "stop_loss"), ([400, 400, 400], "take_profit", "take_profit")],
    ids=["the stop", "the take profit"],
)
def test_a_level_that_rests_at_the_exchange_ends_a_spot_position_between_two_ticks(
    make_world: Callable[..., World], fall: list[int], leg: str, reason: str
) -> None:
    world = make_world([*TURN_UP, *fall, 10, 10])
    bot = world.add_bot(stop_loss_perc=Decimal(1), take_profit_perc=Decimal(3))
    assert world.ticks(bot, range(6)) == ["entry:FILLED", f"{leg}:FILLED"]
    assert [trade.reason for trade in world.trades()] == ["entry_signal", reason]
    ends = {order.leg.value: order.status.value for order in world.protection()}
    assert ends == {leg: "FILLED", ({"stop", "take_profit"} - {leg}).pop(): "EXPIRED"}
    world.assert_ledger_matches_exchange()


def test_a_price_beyond_the_stop_ends_a_position_before_any_candle_closes(make_world: Callable[..., World]) -> None:
    world = make_world([30] * 5 + [-300] * 3 + [10] * 5)
    bot = world.add_bot(timeframe="5m")
    assert world.ticks(bot, range(7)) == ["entry:FILLED"]
    assert world.ticks(bot, [7]) == ["stop:FILLED"], "600 of 20,150 is beyond 2 %, two minutes into the candle"
    _, leave = world.trades()
    assert (leave.reason, at(6) <= leave.timestamp <= at(7)) == ("stop_loss", True)
    world.assert_ledger_matches_exchange()


def test_a_trailing_stop_follows_the_price_and_keeps_a_gain(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 200, 200, 200, -250, -10])
    bot = world.add_bot(trailing_stop_active=True, trailing_stop_perc=Decimal(1))
    world.ticks(bot, range(3))
    first = world.state(bot).trailing_stop_price
    world.ticks(bot, range(3, 6))
    state = world.state(bot)
    assert (state.max_price_since_entry, state.trailing_stop_price) == (20_620, Decimal("20413.80"))
    assert first < state.trailing_stop_price
    assert world.resting()[0][:2] == ("stop", Decimal("20413.80")), "it moved at the exchange too"
    assert world.ticks(bot, [6]) == ["stop:FILLED"]
    leave = world.trades()[-1]
    assert (leave.reason, leave.realized_pnl > 0) == ("trailing_stop", True)


def test_a_futures_bot_reverses_at_a_signal_exit_first(make_world: Callable[..., World]) -> None:
    world = make_world([*UP_THEN_DOWN, 10, 10])
    bot = world.add_bot(position_type="futures")
    assert world.ticks(bot, range(3)) == ["entry:FILLED"]
    assert (world.state(bot).position_side, world.trades()[0].position_side) == ("LONG", "LONG")
    assert world.ticks(bot, range(3, 6)) == ["exit:FILLED", "entry:FILLED"]
    entry, leave, reverse = world.trades()
    assert [(t.side, t.position_side, t.reason) for t in (entry, leave, reverse)] == [
        ("BUY", "LONG", "entry_signal"),
        ("SELL", "LONG", "exit_signal"),
        ("SELL", "SHORT", "entry_signal"),
    ]
    assert leave.timestamp == reverse.timestamp == at(5)
    # 1,000 of margin at leverage 5, at the deciding close of 20,020, on a step of 0.001.
    assert entry.quantity_filled == Decimal("0.249")
    state = world.state(bot)
    assert (state.position_side, state.in_position, state.daily_trades_count) == ("SHORT", True, 2)
    assert state.stop_loss_price > state.entry_price > state.take_profit_price
    (position,) = world.exchange.account(world.api_key)["positions"]
    assert (position["quantity"], position["leverage"], position["isolated"]) == (
        str(-reverse.quantity_filled.normalize()),
        5,
        True,
    )
    world.assert_ledger_matches_exchange()


def test_a_futures_short_ends_at_its_stop_and_the_wallet_changes_by_what_was_realised(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*UP_THEN_DOWN[:5], 250, 150, 150, -10, -10, -10])
    bot = world.add_bot(position_type="futures", stop_loss_perc=Decimal(1))
    done = world.ticks(bot, range(10))
    reasons = [trade.reason for trade in world.trades()]
    assert done[:5] == ["entry:FILLED", "exit:FILLED", "entry:FILLED", "stop:FILLED", "entry:FILLED"], reasons
    assert "stop_loss" in reasons
    world.assert_ledger_matches_exchange()
    state = world.state(bot)
    wallet = Decimal(world.exchange.account(world.api_key)["futures"]["USDT"]["wallet"])
    open_fee = Decimal(state.strategy_state["position"]["entry_fee"]) if state.in_position else Decimal(0)
    assert wallet - 10_000 == state.realized_pnl - open_fee


@pytest.mark.rule(12)
def test_leverage_and_margin_type_are_set_before_the_first_entry_only(make_world: Callable[..., World]) -> None:
    world = make_world([*UP_THEN_DOWN, 30, 60, 60])
    world.ticks(world.add_bot(position_type="futures"), range(11))
    assert len([trade for trade in world.trades() if trade.reason == "entry_signal"]) == 3
    requests = world.exchange.stats()["requests"]
    assert requests["POST /fapi/v1/leverage"] == requests["POST /fapi/v1/marginType"] == 1


def test_days_limits_pause_entries_and_show_as_the_bots_status(make_world: Callable[..., World]) -> None:
    world = make_world([*UP_THEN_DOWN, 30, 60, 60])
    bot = world.add_bot(max_daily_trades=1)
    assert world.ticks(bot, range(11)) == ["entry:FILLED", "exit:FILLED"]
    assert world.state(bot).status == "paused_max_trades"


@pytest.mark.rule(30)
def test_candles_that_were_missed_are_fed_and_their_signals_open_nothing(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30, 30, 30])
    bot = world.add_bot()
    assert world.ticks(bot, [0, 5]) == []
    state = world.state(bot)
    assert state.last_closed_candle_at == at(4)
    assert "expired" in (state.last_error_message or "")


def test_a_first_tick_reads_the_free_balance_where_no_capital_is_configured(make_world: Callable[..., World]) -> None:
    world = make_world([10, 10])
    bot = world.add_bot(initial_capital=None)
    world.tick(bot, 0)
    assert world.state(bot).strategy_state["starting_balance"] == "10000"


def test_a_bot_is_due_again_on_the_grid_of_its_interval(make_world: Callable[..., World]) -> None:
    world = make_world([10] * 8)
    bot = world.add_bot(timeframe="5m", check_interval_seconds=300)
    world.tick(bot, 3)
    assert world.state(bot).next_run_at == at(5)
    assert world.tick(bot, 4).outcome == "busy", "it is not due yet"
    assert world.tick(bot, 5).outcome == "done"


def test_what_a_tick_costs(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements, requests and weight per kind of tick, pinned: a change here is a change on purpose."""
    monkeypatch.setattr(exchange_budget, "BAN_KNOWN_SECONDS", 600)  # a slow machine reads the row again in mid-tick
    world = make_world([30] * 5 + [10] * 5 + [-150] * 6)
    bot = world.add_bot(timeframe="5m")
    costs = {minute: _cost(world, bot, minute) for minute in range(15)}
    assert costs[1] == costs[4] == (2, 0, 0), "flat, no new candle"
    # Of each but the flat ticks one statement or two are the shared limit's: weight is reserved and settled.
    assert costs[6] == (4, 3, 28), "after an execution, no new candle: balances, open orders, price"
    assert costs[7] == costs[9] == (4, 2, 8), "a position and its stop, no new candle: open orders, price"
    # Who is the first to see a candle claims it, reads it and stores it for everybody.
    assert costs[10] == (7, 3, 10), "a position and its stop, a new candle"
    # Candles, balances, the order, its order list.
    # Two statements are of the first to see the candle, and one of its weight.
    assert costs[5] == (15, 4, 24)


def _cost(world: World, bot: int, minute: int) -> tuple[int, int, int]:
    before = world.exchange.stats()["total_weight"]
    report = world.tick(bot, minute)
    assert report.weight == world.exchange.stats()["total_weight"] - before, "the exchange counts the same"
    return report.statements, report.requests, report.weight


def test_the_user_is_told_of_an_entry_that_was_too_small(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot(position_size_fixed=Decimal(4))
    assert world.ticks(bot, range(3)) == []
    assert "below the least order value" in (world.state(bot).last_error_message or "")
    world.tick(bot, 3)
    assert world.state(bot).last_error_message is None


@pytest.mark.rule(29)
def test_counters_of_the_day_survive_a_stop_and_a_start(make_world: Callable[..., World]) -> None:
    world = make_world([*UP_THEN_DOWN, 30, 60, 60])
    bot = world.add_bot(max_daily_trades=1)
    world.ticks(bot, range(7))
    before = world.state(bot)
    world.sql(
        "UPDATE bot_states SET status = 'starting', strategy_state = NULL, last_closed_candle_at = NULL,"
        " next_run_at = :at_once, version = version + 1 WHERE id = :bot",
        bot=bot,
        at_once=datetime(1970, 1, 1, tzinfo=UTC),
    )
    assert world.ticks(bot, range(8, 11)) == []
    state = world.state(bot)
    assert (state.status, state.daily_trades_count, state.daily_pnl) == ("paused_max_trades", 1, before.daily_pnl)
