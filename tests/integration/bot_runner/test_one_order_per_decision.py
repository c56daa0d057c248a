"""Duplicate deliveries, concurrent workers, crashes at the worst moments and lost answers: one order per decision."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.integration.bot_runner.conftest import traded
from tests.integration.bot_runner.misbehaving import (
    BOTH_MARKETS,
    DiesBeforeRecording,
    DiesBeforeSending,
    DoesNotShowOrders,
    KilledError,
    LosesTheAnswer,
    LosesTheRequest,
    Misbehaving,
)
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP, UP_THEN_DOWN
from tradebot.domain.order import OrderStatus
from tradebot.errors import ExchangeUnavailableError
from tradebot.exchange.transport import CcxtTransport
from tradebot.repositories.session import session_scope
from tradebot.repositories.statement_counter import StatementCounter
from tradebot.services.run_bot import RunBot

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine, QueuePool

    from tests.integration.bot_runner.conftest import World
    from tradebot.domain.order import OrderRequest
    from tradebot.exchange.protocol import VenueOrder


def test_a_tick_that_is_delivered_twice_orders_once(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    assert world.deliver(bot, 2).outcome == "busy"
    assert len(world.executions()) == 1


def test_two_workers_at_once_order_once(
    make_world: Callable[..., World], engine_as: Callable[[str | None], Engine]
) -> None:
    world = make_world([*TURN_UP, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    workers = []
    for _ in range(4):
        engine = engine_as("app_worker")
        lines = world.new_lines()
        workers.append(RunBot(partial(session_scope, engine), lines, "tick", StatementCounter(engine)))
    world.run_bot = _concurrently(workers)
    report: Any = world.tick(bot, 2)
    assert sorted(one.outcome for one in report) == ["busy", "busy", "busy", "done"]
    assert len(world.executions()) == len(world.orders()) == 1
    world.assert_ledger_matches_exchange()


def _concurrently(workers: list[RunBot]) -> Any:
    def run(**event: Any) -> list[Any]:
        reports: list[Any] = []
        together = threading.Barrier(len(workers))

        def one(worker: RunBot) -> None:
            together.wait()
            reports.append(worker(**event))

        threads = [threading.Thread(target=one, args=(worker,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return reports

    return run


@BOTH_MARKETS
@pytest.mark.parametrize("leg", ["entry", "exit"])
def test_a_worker_that_died_before_recording_left_one_order_that_the_next_tick_adopts(
    make_world: Callable[..., World], market: str, leg: str
) -> None:
    world = make_world([*UP_THEN_DOWN, -10])
    bot = world.add_bot(position_type=market)
    minute = 2 if leg == "entry" else 5
    world.ticks(bot, range(minute))
    world.go_faulty(DiesBeforeRecording)
    with pytest.raises(KilledError):
        world.tick(bot, minute)
    assert world.orders()[-1].status == "SENDING"
    world.go_cold()
    assert world.tick(bot, minute).outcome == "busy", "the dead worker's lease holds for its minute"
    world.expire_lease(bot)
    assert traded(world.tick(bot, minute + 1)) == (f"recovered_{leg}:FILLED",)
    assert world.state(bot).in_position is (leg == "entry")
    assert len(world.executions()) == len(world.orders()) == (1 if leg == "entry" else 2)
    world.assert_ledger_matches_exchange()


@BOTH_MARKETS
def test_an_exit_whose_worker_died_before_sending_is_sent_once_by_a_later_tick(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*UP_THEN_DOWN, -10])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(5))
    world.go_faulty(DiesBeforeSending)
    with pytest.raises(KilledError):
        world.tick(bot, 5)
    world.go_cold()
    world.expire_lease(bot)
    # Not there, but signed a moment ago: that is not absence yet, and nothing is sent for it.
    assert traded(world.tick(bot, 6)) == ("recovered_exit:UNKNOWN",)
    assert world.orders()[-1].status == "UNKNOWN"
    assert len(world.executions()) == 1
    world.age_orders()
    report = world.tick(bot, 7)
    assert report.actions[:2] == ("recovered_exit:ABSENT", "exit:FILLED")
    absent, again = world.orders()[1:3]
    assert (absent.decision_key, absent.attempt, again.attempt) == (again.decision_key, 1, 2)
    assert absent.client_order_id != again.client_order_id
    assert len(world.executions()) == 2
    world.assert_ledger_matches_exchange()


def test_an_entry_whose_worker_died_before_sending_is_sent_once_while_its_signal_is_fresh(
    make_world: Callable[..., World],
) -> None:
    world = make_world([30] * 5 + [10] * 8)
    bot = world.add_bot(timeframe="5m")
    world.ticks(bot, range(5))
    world.go_faulty(DiesBeforeSending)
    with pytest.raises(KilledError):
        world.tick(bot, 5)
    world.go_cold()
    world.expire_lease(bot)
    world.age_orders()
    assert traded(world.tick(bot, 6)) == ("recovered_entry:ABSENT", "entry:FILLED")
    assert [order.attempt for order in world.orders()] == [1, 2]
    assert len(world.executions()) == 1
    world.assert_ledger_matches_exchange()


@BOTH_MARKETS
def test_an_order_whose_answer_was_lost_is_unknown_and_found_by_the_next_tick(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot(position_type=market)
    world.ticks(bot, range(2))
    world.go_faulty(LosesTheAnswer)
    report = world.tick(bot, 2)
    assert traded(report) == ("entry:UNKNOWN",)
    assert (world.orders()[0].status, world.state(bot).in_position) == ("UNKNOWN", False)
    assert "not known yet" in (world.state(bot).last_error_message or "")
    world.go_cold()
    assert traded(world.tick(bot, 3)) == ("recovered_entry:FILLED",)
    assert world.state(bot).in_position
    assert world.state(bot).last_error_message is None
    world.assert_ledger_matches_exchange()


def test_an_entry_in_doubt_blocks_every_other_entry(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, -60, -60, 60, 60, 60, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.go_faulty(DoesNotShowOrders)
    done = world.ticks(bot, range(2, 8))
    assert done[0] == "entry:UNKNOWN"
    assert set(done[1:]) == {"recovered_entry:UNKNOWN"}, "the second turn upwards entered nothing"
    assert len(world.executions()) == len(world.orders()) == 1
    # The query still says no, a long time after the signature; the list knows better.
    world.age_orders()
    assert world.tick(bot, 8).actions[0] == "recovered_entry:FILLED"
    world.assert_ledger_matches_exchange()


def test_a_request_that_was_lost_becomes_absent_only_after_the_quiet_time(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.go_faulty(LosesTheRequest)
    assert world.ticks(bot, [2, 3]) == ["entry:UNKNOWN", "recovered_entry:UNKNOWN"]
    world.age_orders()
    assert world.ticks(bot, [4]) == ["recovered_entry:ABSENT"]
    assert (world.orders()[0].status, world.executions()) == ("ABSENT", [])


def test_an_order_that_is_still_working_stays_so_until_the_exchange_says_how_it_ended(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Slow(Misbehaving):
        """Accepts the order, and fills it later than it answers."""

        find_fails = False

        def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
            return self._working(self._account.send_order(request, signed_at_ms))

        def find_order(self, symbol: str, client_order_id: str) -> VenueOrder:
            if Slow.find_fails:
                raise ExchangeUnavailableError("the exchange gave no answer")
            return self._working(self._account.find_order(symbol, client_order_id))

        def _working(self, order: VenueOrder) -> VenueOrder:
            return replace(order, status=OrderStatus.NEW, executed_quantity=Decimal(0), fills=None)

    world.go_faulty(Slow)
    assert world.ticks(bot, [2, 3]) == ["entry:NEW", "recovered_entry:NEW"]
    Slow.find_fails = True
    assert world.ticks(bot, [4]) == ["recovered_entry:NEW"], "an answer that is missing takes nothing back"
    world.go_cold()
    assert world.ticks(bot, [5]) == ["recovered_entry:FILLED"]
    assert len(world.executions()) == 1
    world.assert_ledger_matches_exchange()


@BOTH_MARKETS
def test_no_database_connection_is_held_while_the_exchange_is_asked(
    make_world: Callable[..., World], market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world([*UP_THEN_DOWN, -10])
    bot = world.add_bot(position_type=market, initial_capital=None)
    call = CcxtTransport._call
    held: list[int] = []

    def watched(transport: CcxtTransport, *request: Any) -> Any:
        held.append(cast("QueuePool", world.engine.pool).checkedout())
        return call(transport, *request)

    monkeypatch.setattr(CcxtTransport, "_call", watched)
    world.ticks(bot, range(3))
    world.go_faulty(LosesTheAnswer)
    world.run_bot = replace(world.run_bot, sleep=lambda _: None)
    world.tick(bot, 5)
    world.go_cold()
    world.run_bot = replace(world.run_bot, sleep=lambda _: None)
    world.tick(bot, 6)
    assert len(world.executions()) >= 2
    assert len(held) > 15
    assert set(held) == {0}


@pytest.mark.parametrize("reads", [2, 99], ids=["for a moment", "for the whole tick"])
def test_trades_that_are_not_visible_yet_are_waited_for_and_never_recorded_in_part(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, reads: int
) -> None:
    monkeypatch.setattr("tradebot.services.run_bot.settle.FILL_READ_PAUSE_SECONDS", 0)
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot(position_type="futures")
    world.ticks(bot, range(2))

    class LagsBehind(Misbehaving):
        left = reads

        def order_fills(self, symbol: str, order_id: int) -> tuple[Any, ...]:
            LagsBehind.left -= 1
            return () if LagsBehind.left >= 0 else tuple(self._account.order_fills(symbol, order_id))

    world.go_faulty(LagsBehind)
    if reads == 2:
        assert world.ticks(bot, [2]) == ["entry:FILLED"]
    else:
        assert world.ticks(bot, [2]) == ["entry:UNKNOWN"]
        assert (world.fills(), world.trades(), world.state(bot).in_position) == ([], [], False)
        assert world.orders()[0].venue_order_id is not None
        world.go_cold()
        assert world.ticks(bot, [3]) == ["recovered_entry:FILLED"]
    world.assert_ledger_matches_exchange()
