"""What went wrong for users of other bots, each once: the real tick against the simulated exchange and its faults."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.misbehaving import BOTH_MARKETS, Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP, UP_THEN_DOWN
from tests.integration.bot_runner.test_protection import open_at_exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

ORDER = {"spot": "/api/v3/order", "futures": "/fapi/v1/order"}
ALGO = "/fapi/v1/algoOrder"
#: Longer than two ticks take here.
LAG_MS = 4_000


def liquidity(world: World, **shares: Any) -> None:
    world.exchange._call("PUT", "/liquidity", shares)


def statuses(world: World, leg: str) -> list[str]:
    return [order.status.value for order in (*world.orders(), *world.protection()) if order.leg == leg]


@BOTH_MARKETS
def test_an_entry_whose_answer_timed_out_is_not_ordered_again(make_world: Callable[..., World], market: str) -> None:
    """https://github.com/scrtlabs/catalyst/issues/317: a timeout, "Ordering again", and two positions."""
    world = make_world([*TURN_UP, 30, 30, 30])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(2))
    world.exchange.add_fault("lose_answer", method="POST", path=ORDER[market], count=1)
    world.exchange.add_fault("lose_answer", method="GET", path=ORDER[market], count=1)
    assert world.ticks(bot, [2]) == ["entry:UNKNOWN"]
    assert world.ticks(bot, [3, 4]) == ["recovered_entry:FILLED"]
    assert len(world.executions()) == len(world.orders()) == 1
    world.assert_ledger_matches_exchange()


@BOTH_MARKETS
def test_an_order_that_is_not_visible_yet_has_not_failed(make_world: Callable[..., World], market: str) -> None:
    """https://github.com/hummingbot/hummingbot/issues/601: "order does not exist" was taken for a failed order."""
    world = make_world([*TURN_UP, 30, 30, 30])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(2))
    world.exchange.add_fault("read_lag", method="POST", path=ORDER[market], milliseconds=LAG_MS, count=1)
    world.exchange.add_fault("lose_answer", method="POST", path=ORDER[market], count=1)
    began = time.monotonic()
    assert world.ticks(bot, [2]) == ["entry:UNKNOWN"]
    if time.monotonic() - began < LAG_MS / 2_000:
        assert world.ticks(bot, [3]) == ["recovered_entry:UNKNOWN"]
    time.sleep(LAG_MS / 1_000)
    assert world.ticks(bot, [4]) == ["recovered_entry:FILLED"]
    assert len(world.executions()) == len(world.orders()) == 1
    world.assert_ledger_matches_exchange()


def test_an_outage_says_nothing_about_an_order(make_world: Callable[..., World]) -> None:
    """https://github.com/hummingbot/hummingbot/issues/8457: an exchange that was down became "order not found"."""
    world = make_world([*TURN_UP, 30, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.exchange.add_fault("lose_answer", method="POST", path=ORDER["spot"], count=1)
    world.exchange.add_fault("html", method="GET", path=ORDER["spot"], status=503)
    assert world.ticks(bot, [2]) == ["entry:UNKNOWN"]
    world.age_orders()
    assert world.ticks(bot, [3]) == ["recovered_entry:UNKNOWN"], "long after the quiet time, and yet not absent"
    world.exchange.clear_faults()
    assert world.ticks(bot, [4]) == ["recovered_entry:FILLED"]
    assert len(world.executions()) == 1
    world.assert_ledger_matches_exchange()


@BOTH_MARKETS
def test_an_order_that_the_exchange_acknowledged_late_is_adopted_and_not_sent_again(
    make_world: Callable[..., World], market: str
) -> None:
    """https://github.com/nautechsystems/nautilus_trader/issues/4215: -1007, then a retry after the order was there."""
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(2))
    world.exchange.add_fault("error", method="POST", path=ORDER[market], code=-1007, processed=True, count=1)
    assert world.ticks(bot, [2]) == ["entry:FILLED"]
    assert world.ticks(bot, [3]) == []
    assert len(world.executions()) == len(world.orders()) == 1
    assert [order.attempt for order in world.orders()] == [1]
    world.assert_ledger_matches_exchange()


def test_a_stop_in_flight_is_unknown_and_not_rejected(make_world: Callable[..., World]) -> None:
    """https://github.com/nautechsystems/nautilus_trader/issues/4152: live stops were given up as REJECTED."""
    world = make_world([*TURN_UP, 30, 30, 30])
    bot = world.add_bot(position_type="futures")
    world.ticks(bot, range(2))
    world.exchange.add_fault("read_lag", method="POST", path=ALGO, milliseconds=LAG_MS, count=1)
    world.exchange.add_fault("lose_answer", method="POST", path=ALGO, count=1)
    # Too little time is left to wait for the quiet time within this tick.
    world.tick(bot, 2, remaining_ms=30_000)
    assert statuses(world, "stop") == ["UNKNOWN"]
    assert "what became of the stop order" in world.state(bot).last_error_message
    time.sleep(LAG_MS / 1_000)
    assert world.tick(bot, 3).actions[0] == "recovered_stop:NEW"
    assert statuses(world, "stop") == ["NEW"]
    assert len(open_at_exchange(world)) == 2


def test_an_order_that_was_signed_early_and_sent_late_is_refused_and_made_anew(
    make_world: Callable[..., World],
) -> None:
    """https://github.com/nautechsystems/nautilus_trader/issues/917: signed, scheduled, and sent seconds later."""
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class SendsLate(Misbehaving):
        late_ms = 6_000

        def send_order(self, request: Any, signed_at_ms: int) -> Any:
            late_ms, SendsLate.late_ms = SendsLate.late_ms, 0
            return self._account.send_order(request, signed_at_ms - late_ms)

    world.go_faulty(SendsLate)
    assert world.ticks(bot, [2]) == ["entry:FILLED"]
    first, second = world.orders()
    assert (first.status, second.status, second.attempt) == ("REJECTED", "FILLED", 2)
    assert first.client_order_id != second.client_order_id
    assert len(world.executions()) == 1
    world.assert_ledger_matches_exchange()


def test_a_futures_stop_rests_on_the_algo_endpoint_and_is_looked_for_there(make_world: Callable[..., World]) -> None:
    """https://github.com/nautechsystems/nautilus_trader/issues/3287: stops moved to the algo endpoint and got lost."""
    world = make_world([*TURN_UP, 10, 10, -600, 10])
    bot = world.add_bot(position_type="futures", max_daily_trades=1)
    world.ticks(bot, range(5))
    requests = world.exchange.stats()["requests"]
    assert requests[f"POST {ALGO}"] == 1, "it is seen there by every tick, and not placed again"
    assert statuses(world, "stop") == ["NEW"]
    assert world.ticks(bot, [5]) == ["stop:FILLED"]
    world.assert_ledger_matches_exchange()


@pytest.mark.rule(33)
@BOTH_MARKETS
def test_no_stop_is_left_after_the_position_is_closed(make_world: Callable[..., World], market: str) -> None:
    """https://github.com/freqtrade/freqtrade/issues/11608: the stop stayed at the exchange after the exit."""
    world = make_world([*UP_THEN_DOWN, -10, -10])
    bot = world.add_bot(position_type=market, max_daily_trades=1)
    world.ticks(bot, range(5))
    path = ALGO if market == "futures" else "/api/v3/orderList"
    world.exchange.add_fault("lose_request", method="DELETE", path=path, count=1)
    world.ticks(bot, [5])
    done = world.ticks(bot, [6, 7])
    assert not world.state(bot).in_position
    keys = {order.decision_key for order in world.protection() if order.status == "NEW"}
    entries = [order.decision_key for order in world.orders() if order.leg == "entry"]
    assert len(entries) == 1, done
    assert keys == set()
    assert open_at_exchange(world) == set()
    world.assert_ledger_matches_exchange()


@pytest.mark.rule(32)
def test_a_stop_that_sold_a_part_is_followed_until_the_rest_is_sold(make_world: Callable[..., World]) -> None:
    """https://github.com/freqtrade/freqtrade/issues/8374: what a stop had sold in part was counted as still there."""
    world = make_world([*TURN_UP, -500, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    bought = world.trades()[0].quantity_filled
    liquidity(world, taking="0.4")
    world.exchange.advance(at(3))
    liquidity(world)
    assert world.ticks(bot, [3]) == ["stop:EXPIRED", "exit:FILLED"]
    sold = [trade.quantity_filled for trade in world.trades()[1:]]
    assert len(sold) == 2
    assert sum(sold) == (bought * Decimal("0.999")).quantize(Decimal("0.00001"), rounding="ROUND_DOWN")
    assert not world.state(bot).in_position
    assert open_at_exchange(world) == set()
    world.assert_ledger_matches_exchange()


@pytest.mark.rule(32)
@BOTH_MARKETS
def test_after_a_part_of_an_exit_the_stop_is_for_what_is_left(make_world: Callable[..., World], market: str) -> None:
    """https://github.com/freqtrade/freqtrade/issues/8526: after a sale in part the stop had a wrong amount."""
    world = make_world([*UP_THEN_DOWN, -10])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(5))
    liquidity(world, taking="0.4")
    assert world.ticks(bot, [5]) == ["exit:EXPIRED"]
    left = world.state(bot).current_position_size_coins
    assert left is not None
    resting = {leg: quantity for leg, _, quantity in world.resting()}
    assert resting["stop"] == resting["take_profit"] == left.quantize(Decimal("0.00001"), rounding="ROUND_DOWN")
    liquidity(world)
    assert world.ticks(bot, [6])[0] == "exit:FILLED"
    world.assert_ledger_matches_exchange()


@BOTH_MARKETS
def test_the_stop_that_ended_one_trade_does_not_end_the_next(make_world: Callable[..., World], market: str) -> None:
    """https://github.com/freqtrade/freqtrade/issues/13399: the fill of the last trade's stop closed the new trade."""
    world = make_world([*TURN_UP, -500, -10, 300, 10, 10])
    bot = world.add_bot(position_type=market, leverage=2)
    done = world.ticks(bot, range(8))
    exits = [act for act in done if act != "entry:FILLED"]
    assert len(done) == 2 * len(exits) + 1
    assert exits[0] == "stop:FILLED"
    assert world.state(bot).in_position
    first, *_, last = [order for order in world.protection() if order.leg == "stop"]
    assert (first.status, last.status) == ("FILLED", "NEW")
    assert first.client_order_id != last.client_order_id
    assert [trade.reason.value for trade in world.trades()].count("stop_loss") == exits.count("stop:FILLED")
    assert first.client_order_id not in open_at_exchange(world)
    world.assert_ledger_matches_exchange()


@pytest.mark.rule(33)
@BOTH_MARKETS
def test_a_cancel_that_is_refused_because_the_stop_filled_makes_that_the_exit(
    make_world: Callable[..., World], market: str
) -> None:
    """https://github.com/enarjord/passivbot/issues/12: -2011 was counted as cancelled, and the order had filled."""
    world = make_world([*TURN_UP, 30, 30, -60, -60, -60, -600, 10])
    bot = world.add_bot(position_type=market, stop_loss_perc=Decimal(1), max_daily_trades=1)
    world.ticks(bot, range(5))

    def falls_first(step: str) -> None:
        if step == "cancel.send":
            world.exchange.advance(at(8))

    world.run_bot = replace(world.run_bot, step=falls_first)
    done = traded(world.tick(bot, 5))
    assert not world.state(bot).in_position
    assert sum(1 for one in world.executions() if one["side"] == "SELL") == 1
    assert done[-1] == ("stop:FILLED" if market == "spot" else "exit:FILLED")
    world.assert_ledger_matches_exchange()
    assert open_at_exchange(world) == set()
