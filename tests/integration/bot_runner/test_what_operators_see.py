"""What operators see of ticks: each alarm watches a metric that ticks emit, and what it counts is in the log too."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.architecture.templates import of_type
from tests.integration.bot_runner.misbehaving import LosesTheRequest, Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tests.integration.bot_runner.test_protection import stranger
from tradebot.domain.order import OrderRequest, OrderType, Side
from tradebot.errors import ExchangeUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World


class CannotProtect(Misbehaving):
    def place_oco(self, *_: Any) -> Any:
        raise ExchangeUnavailableError("the exchange gave no answer")


def _lose_the_entry(world: World, bot: int) -> None:
    world.ticks(bot, range(2))
    world.go_faulty(LosesTheRequest)
    world.tick(bot, 2)


def _lose_the_stop(world: World, bot: int) -> None:
    world.ticks(bot, range(2))
    world.go_faulty(CannotProtect)
    world.tick(bot, 2, remaining_ms=30_000)  # too little to wait for the quiet time


def _trade_by_hand(world: World, bot: int) -> None:
    world.ticks(bot, range(3))
    line = stranger(world, "futures")
    order = OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, Decimal("0.1"), "by-hand")
    line.send_order(order, line.wire_now_ms())
    world.tick(bot, 3)


def _be_throttled(world: World, bot: int) -> None:
    world.ticks(bot, range(3))
    world.exchange.add_fault("throttle", milliseconds=30_000)
    world.tick(bot, 3)
    world.exchange.clear_faults()


def _enter(world: World, bot: int) -> None:
    world.ticks(bot, range(3))


#: The metric, its market, what makes a tick emit it, how much, and what the log says beside it.
SCENES = {
    "OrdersInDoubt": ("spot", _lose_the_entry, 1, "nobody knows the end of an order"),
    "UnprotectedPositions": ("spot", _lose_the_stop, 1, "a position has no stop"),
    "ReconciliationDifferences": ("futures", _trade_by_hand, 1, "books and exchange differ"),
    "ExchangeThrottled": ("spot", _be_throttled, 1, "tick"),
    "TickAge": ("spot", _enter, 0, "tick"),
    "EntryDelay": ("spot", _enter, 0, "tick"),
}


@pytest.mark.parametrize("metric", SCENES)
def test_a_tick_emits_what_alarms_watch_and_logs_it(
    make_world: Callable[..., World], caplog: pytest.LogCaptureFixture, metric: str
) -> None:
    market, scene, value, line = SCENES[metric]
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot(position_type=market)
    scene(world, bot)
    assert world.emitted[metric] == [value]
    assert line in {record.getMessage() for record in caplog.records}
    if value:
        assert world.state(bot).last_error_message, "its user sees it too"


def test_every_alarm_on_ticks_watches_a_metric_of_theirs() -> None:
    alarms = of_type("aurora", "AWS::CloudWatch::Alarm").values()
    ours = [alarm for alarm in alarms if not str(alarm["Namespace"]).startswith("AWS/")]
    watched = {
        alarm["MetricName"] for alarm in ours if alarm["Dimensions"] == [{"Name": "service", "Value": "bot-runner"}]
    }
    assert watched == SCENES.keys() - {"EntryDelay"} | {"CredentialsOpened"}


def test_the_delay_from_close_to_order_is_the_time_since_the_deciding_candle_closed(
    make_world: Callable[..., World],
) -> None:
    world = make_world([30] * 5 + [10] * 8)
    bot = world.add_bot(timeframe="5m")
    world.ticks(bot, [0, 4])
    world.tick(bot, 7)
    assert world.emitted["EntryDelay"] == [120_000]
