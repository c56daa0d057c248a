"""What has to hold before an order leaves: the lease, time to see it through, and its intent on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.bot_runner.conftest import traded
from tests.integration.bot_runner.misbehaving import Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World
    from tradebot.domain.order import OrderRequest
    from tradebot.exchange.protocol import VenueOrder


def test_a_worker_that_lost_its_lease_sends_nothing_and_records_nothing(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    before = world.state(bot)

    class StalledWhileItLooksAtTheBalance(Misbehaving):
        def free_balances(self) -> Any:
            world.sql("UPDATE bot_states SET lease_token = lease_token + 1 WHERE id = :bot", bot=bot)
            return self._account.free_balances()

    world.go_faulty(StalledWhileItLooksAtTheBalance)
    assert world.tick(bot, 2).outcome == "lease_lost"
    assert (world.executions(), world.orders()) == ([], [])
    assert world.state(bot).strategy_state == before.strategy_state


def test_an_order_is_not_sent_with_less_than_15_seconds_of_the_lease_left(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Slow(Misbehaving):
        def free_balances(self) -> Any:
            world.sql("UPDATE bot_states SET lease_expires_at = now() + interval '14 seconds' WHERE id = :bot", bot=bot)
            return self._account.free_balances()

    world.go_faulty(Slow)
    world.tick(bot, 2)
    assert world.executions() == []


def test_an_order_is_not_sent_with_less_than_12_seconds_of_the_functions_time_left(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.tick(bot, 2, remaining_ms=11_000)
    assert (world.executions(), world.orders()) == ([], [])


def test_an_intent_is_committed_before_its_order_leaves_and_signed_before_that(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    seen: list[Any] = []

    class Looks(Misbehaving):
        def wire_now_ms(self) -> int:
            now: int = self._account.wire_now_ms()
            if not seen:
                assert world.orders() == [], "signed before the lease was proved"
            seen.append(now)
            return now

        def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
            (order,) = world.orders()
            assert (order.client_order_id, order.status) == (request.client_order_id, "SENDING")
            assert seen[0] == signed_at_ms == order.signed_at_ms
            sent: VenueOrder = self._account.send_order(request, signed_at_ms)
            return sent

    world.go_faulty(Looks)
    assert traded(world.tick(bot, 2)) == ("entry:FILLED",)
    assert [order.signed_at_ms for order in world.protection()] == [seen[1]] * 2
    assert len(seen) == 2


def test_a_worker_that_froze_after_signing_is_refused_by_the_exchange_itself(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class WakesLate(Misbehaving):
        def wire_now_ms(self) -> int:
            now: int = self._account.wire_now_ms()
            return now - 6_000

    world.go_faulty(WakesLate)
    world.tick(bot, 2)
    assert [order.status for order in world.orders()] == ["REJECTED", "REJECTED"]
    assert world.executions() == []
