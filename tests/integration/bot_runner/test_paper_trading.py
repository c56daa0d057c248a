"""A bot without a key: public candles through the real tick, and the backtest's result to the last digit."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.integration.bot_runner.conftest import at
from tradebot.engine.backtest import BacktestSetup, BacktestTrade, simulate
from tradebot.engine.candles import CandleArray, from_ms
from tradebot.engine.paper import PaperBook
from tradebot.engine.parameters import resolve_parameters
from tradebot.models import BotConfig
from tradebot.repositories.session import session_scope
from tradebot.services.exchange_lines import ExchangeLines

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Row

    from tests.integration.bot_runner.conftest import World

LIVELY: dict[str, Any] = {
    "stop_loss_perc": Decimal("0.3"),
    "take_profit_perc": Decimal("0.5"),
    "trailing_stop_active": True,
    "trailing_stop_perc": Decimal("0.4"),
}


def moves(count: int, seed: int = 3) -> list[int]:
    chance = random.Random(seed)
    return [chance.randint(-60, 60) for _ in range(count)]


class NoAccounts(ExchangeLines):
    """Lines whose accounts nobody may open."""

    def account(self, claim: object) -> Any:  # noqa: ARG002  the signature of what it replaces
        raise AssertionError("a bot on paper opened an account")


def paper_bot(world: World, **values: Any) -> int:
    world.use(world.new_lines(NoAccounts))
    return world.add_bot(api_key_id=None, **{**LIVELY, **values})


def simulated(world: World, bot: int, minutes: int) -> list[BacktestTrade]:
    """Run the backtest over the exchange's candles up to the tick of `minutes`."""
    parameters = resolve_parameters(config_of(world, bot))
    market = world.lines.market("live", parameters.market_type)
    length = timedelta(seconds=parameters.timeframe.seconds)
    listed = market.candles("BTCUSDT", parameters.timeframe, at(0) - length * parameters.warm_up_candles, at(minutes))
    warm_up = sum(candle.open_time < at(0) for candle in listed)
    setup = BacktestSetup(parameters, market.symbol_rules("BTCUSDT"), Decimal(5000), 2, warm_up=warm_up)
    return list(simulate(setup, CandleArray.from_candles(listed, parameters.timeframe, 2))[1].trades)


def config_of(world: World, bot: int) -> Any:
    with session_scope(world.look, None) as session:
        config = session.scalars(select(BotConfig).where(BotConfig.id == bot)).one()
        session.expunge(config)
        return config


def as_simulated(trade: Row[Any]) -> tuple[Any, ...]:
    return (
        trade.timestamp,
        trade.side.value,
        trade.order_type.value,
        trade.reason.value,
        trade.price,
        trade.quantity_filled,
        trade.quote_quantity_filled,
        trade.commission_amount,
        trade.realized_pnl,
    )


def as_recorded(trade: BacktestTrade) -> tuple[Any, ...]:
    return (
        from_ms(trade.at_ms),
        trade.side.value,
        trade.order_type.value,
        trade.reason,
        trade.price,
        trade.quantity,
        trade.quote,
        trade.commission,
        trade.realized_pnl,
    )


@pytest.mark.rule(36)
@pytest.mark.parametrize("position_type", ["spot", "futures"])
@pytest.mark.parametrize("timeframe", ["1m", "5m"])
def test_a_bot_on_paper_trades_what_the_backtest_trades_whatever_ticks_it_missed(
    make_world: Callable[..., World], position_type: str, timeframe: str
) -> None:
    world = make_world(moves(121))
    bot = paper_bot(world, position_type=position_type, timeframe=timeframe)
    # Ten minutes without a tick, twice; and single ones that were missed.
    ticks = [n for n in range(121) if n not in range(21, 31) and n not in range(72, 83) and n % 17 != 5]
    world.ticks(bot, ticks)
    recorded = [as_simulated(trade) for trade in world.trades()]
    expected = [as_recorded(trade) for trade in simulated(world, bot, 120)]
    # The open of the candle that is forming at the last tick has been acted on; the backtest has not seen it.
    shown = len(recorded) - len(expected)
    assert recorded[: len(expected)] == expected
    assert 0 <= shown <= 2
    assert len(expected) >= (20 if timeframe == "1m" else 5)
    if timeframe == "1m":
        reasons = {trade.reason.value for trade in world.trades()}
        assert "exit_signal" in reasons
        assert reasons & {"stop_loss", "trailing_stop", "take_profit"}


def test_orders_fills_and_trades_of_a_bot_on_paper_are_rows_like_any_others(make_world: Callable[..., World]) -> None:
    world = make_world(moves(61))
    bot = paper_bot(world)
    world.ticks(bot, range(61))
    orders, fills, trades = world.orders(), world.fills(), world.trades()
    assert len(trades) >= 6
    assert [trade.binance_order_id for trade in trades] == [f"paper:{bot}:{n}" for n in range(1, len(trades) + 1)]
    assert [fill.order_id for fill in fills] == [order.id for order in orders] == [t.order_id for t in trades]
    assert [fill.quantity for fill in fills] == [trade.quantity_filled for trade in trades]
    assert {(order.status.value, order.executed_qty == order.quantity) for order in orders} == {("FILLED", True)}
    assert {fill.venue for fill in fills} == {"paper-spot"}
    state = world.state(bot)
    assert state.realized_pnl == sum(trade.realized_pnl for trade in trades if trade.realized_pnl is not None)
    assert world.executions() == []
    assert world.keys.opened == 0


def test_an_entry_on_paper_is_there_at_the_tick_of_its_signal(make_world: Callable[..., World]) -> None:
    world = make_world([-10, 30, 30, 30])
    bot = paper_bot(world, stop_loss_perc=Decimal(2), trailing_stop_active=False)
    assert world.ticks(bot, range(3)) == ["entry:FILLED"]
    (entry,) = world.trades()
    # The market stands at 20,020 when the candle has closed; the fill is 2 bps worse, to the tick.
    assert (entry.price, entry.timestamp) == (Decimal("20024.01"), at(2))
    state = world.state(bot)
    assert (state.in_position, state.entry_price, state.status) == (True, Decimal("20024.01"), "running")
    assert state.stop_loss_price == Decimal("19623.53")
    world.ticks(bot, [3])
    assert len(world.trades()) == 1


def test_a_bot_on_paper_keeps_money_and_position_over_a_stop_and_its_stop_over_the_pause(
    make_world: Callable[..., World],
) -> None:
    world = make_world([-10, 30, 30, 30, 30, -500, -500, 10, 10, 10, 10])
    bot = paper_bot(world, stop_loss_perc=Decimal(2), trailing_stop_active=False)
    world.ticks(bot, range(4))
    world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
    assert world.tick(bot, 4).outcome == "watched"
    world.sql("UPDATE bot_configs SET is_active = true WHERE id = :bot", bot=bot)
    world.sql(
        "UPDATE bot_states SET status = 'starting', next_run_at = to_timestamp(0), version = version + 1"
        " WHERE id = :bot",
        bot=bot,
    )
    assert world.ticks(bot, [9]) == ["exit:FILLED"]
    _, leave = world.trades()
    assert (leave.reason.value, leave.timestamp.replace(microsecond=0)) == ("stop_loss", at(5) + timedelta(seconds=59))
    state = world.state(bot)
    assert (state.in_position, state.realized_pnl) == (False, leave.realized_pnl)
    assert PaperBook.from_json(state.strategy_state).state.memory.balance < 5000


def test_a_bot_on_paper_without_a_capital_is_told_so(make_world: Callable[..., World]) -> None:
    world = make_world(moves(3))
    bot = paper_bot(world, initial_capital=None)
    assert world.tick(bot, 0).outcome == "error"
    assert "initial capital" in world.state(bot).last_error_message


def test_a_bot_that_is_given_a_key_leaves_its_paper_money_behind(make_world: Callable[..., World]) -> None:
    world = make_world(moves(21))
    bot = paper_bot(world)
    world.ticks(bot, range(10))
    world.go_cold()
    world.sql("UPDATE bot_configs SET api_key_id = :key WHERE id = :bot", bot=bot, key=world.api_key_id)
    world.sql("UPDATE bot_states SET status = 'starting', next_run_at = to_timestamp(0) WHERE id = :bot", bot=bot)
    assert world.tick(bot, 10).outcome == "done"
    assert Decimal(world.state(bot).strategy_state["balance"]) == 5000


def test_a_bot_on_paper_without_its_exchange_waits_for_it(make_world: Callable[..., World]) -> None:
    world = make_world(moves(5))
    bot = paper_bot(world)
    world.ticks(bot, range(2))
    before = world.state(bot).strategy_state
    world.exchange.stop()
    assert world.deliver(bot, 2).outcome == "deferred"
    assert world.state(bot).strategy_state == before
