"""The same candles through real ticks at the simulated exchange and through a backtest: the same trades."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bot_runner.conftest import BEGIN, MINUTE, WARM_UP, at
from tradebot.engine.backtest import BacktestSetup, simulate
from tradebot.engine.candles import CandleArray
from tradebot.engine.parameters import resolve_parameters
from tradebot.models import BotConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

MINUTES = 90
#: Near enough for ninety minutes to reach each of them.
LEVELS: dict[str, Any] = {
    "stop_loss_perc": Decimal("0.5"),
    "take_profit_perc": Decimal("0.9"),
    "trailing_stop_active": True,
    "trailing_stop_perc": Decimal("0.4"),
    "position_size_fixed": None,
    "position_size_perc": Decimal(20),
    "max_daily_loss_perc": Decimal(2),
    "initial_capital": Decimal(10_000),
    "leverage": 3,
}


def _bars(seed: int) -> list[tuple[int, int, int]]:
    """Return a walk with wicks: each minute's move, and how far its range goes beyond."""
    drawn = random.Random(seed)
    return [(drawn.randint(-70, 70), drawn.choice((0, 5, 60)), drawn.choice((0, 5, 60))) for _ in range(MINUTES)]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("market", ["spot", "futures"])
def test_live_trades_are_the_backtests(make_world: Callable[..., World], market: str, seed: int) -> None:
    bars = _bars(seed)
    world = make_world(bars)
    bot = world.add_bot(position_type=market, **LEVELS)
    for minute in range(MINUTES):
        world.tick(bot, minute)
    live = [
        (trade.side.value, trade.reason.value, trade.price, trade.quantity_filled, trade.realized_pnl)
        for trade in world.trades()
    ]
    tested = [
        (trade.side.value, str(trade.reason), trade.price, trade.quantity, trade.realized_pnl)
        for trade in _backtest(world, bot, market)
    ]
    # The last tick trades at the open of a candle that the backtest does not have.
    both = min(len(live), len(tested))
    assert live[:both] == tested[:both]
    assert len(live) - len(tested) in {0, 1, 2}
    assert both >= 8
    assert len({reason for _, reason, *_ in live}) >= 3
    world.assert_ledger_matches_exchange()


def _backtest(world: World, bot: int, market: str) -> list[Any]:
    with world.look.connect() as connection:
        row = connection.execute(BotConfig.__table__.select().where(BotConfig.__table__.c.id == bot)).one()
    parameters = resolve_parameters(row)
    line = world.lines.market("live", market)
    end = at(MINUTES - 1)
    start = BEGIN + (WARM_UP - parameters.warm_up_candles) * MINUTE
    candles = CandleArray.from_candles(line.candles("BTCUSDT", parameters.timeframe, start, end), parameters.timeframe)
    setup = BacktestSetup(parameters, line.symbol_rules("BTCUSDT"), Decimal(10_000), 2)
    _, output = simulate(setup, candles)
    return list(output.trades)
