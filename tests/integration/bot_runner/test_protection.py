"""Stops and take profits that rest at the exchange: placed, moved, taken back, filled with no tick running."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.misbehaving import BOTH_MARKETS, Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tradebot.domain.order import OrderRequest, OrderType, Side
from tradebot.errors import ExchangeUnavailableError, OrderAbsentError, OrderRejectedError, StopWouldTriggerError
from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row

    from tests.integration.bot_runner.conftest import World

STOP, TAKE_PROFIT = Decimal("19623.53"), Decimal("20824.97")
TRAILING: dict[str, Any] = {"trailing_stop_active": True, "trailing_stop_perc": Decimal(1)}


def ends(world: World) -> list[tuple[str, str]]:
    return [(order.leg.value, order.status.value) for order in world.protection()]


def open_at_exchange(world: World) -> set[str]:
    """Return the client ids of all that rests at the exchange."""
    names = set()
    for market in ("spot", "futures"):
        line = stranger(world, market)
        names |= {order.client_order_id for order in line.open_orders("BTCUSDT")}
        if market == "futures":
            names |= {stop.client_algo_id for stop in line.open_stops("BTCUSDT")}
    return names


def stranger(world: World, market: str) -> Any:
    """Return a line of the same account that the bot knows nothing of."""
    return make_client(Venue(world.exchange.url), "live", market, api_key=world.api_key, secret_key=world.secret_key)


@pytest.mark.rule(32)
@BOTH_MARKETS
def test_an_entry_gets_its_stop_and_take_profit_in_the_same_tick(make_world: Callable[..., World], market: str) -> None:
    world = make_world([*TURN_UP, 10])
    world.ticks(world.add_bot(position_type=market), range(3))
    stop, take_profit = world.protection()
    if market == "spot":
        # What was bought less its commission, on the step.
        assert world.resting() == [
            ("stop", STOP, Decimal("0.0499")),
            ("take_profit", TAKE_PROFIT, Decimal("0.0499")),
        ]
        assert (stop.type, take_profit.type) == ("STOP_LOSS", "LIMIT_MAKER")
        assert stop.list_client_order_id == take_profit.list_client_order_id is not None
    else:
        assert [quantity for *_, quantity in world.resting()] == [Decimal("0.249")] * 2
        assert (stop.type, take_profit.type) == ("STOP_MARKET", "LIMIT")
        assert stop.reduce_only
        assert take_profit.reduce_only
    assert (stop.reason, take_profit.reason) == ("stop_loss", "take_profit")
    assert open_at_exchange(world) == {stop.client_order_id, take_profit.client_order_id}


@BOTH_MARKETS
def test_a_stop_sells_while_nobody_ticks_and_the_next_tick_books_it_at_its_time(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, -300, -300, -3000, -5000, 10, 10])
    bot = world.add_bot(position_type=market, leverage=2)
    world.ticks(bot, range(3))
    world.exchange.advance(at(7))
    assert world.exchange.account(world.api_key)["positions"] == [] or market == "spot"
    assert world.ticks(bot, [7]) == ["stop:FILLED"]
    leave = world.trades()[-1]
    assert (leave.reason, at(3) <= leave.timestamp < at(4)) == ("stop_loss", True)
    assert ends(world)[0] == ("stop", "FILLED")
    assert open_at_exchange(world) == set()
    world.assert_ledger_matches_exchange()
    with world.look.connect() as connection:
        told = connection.execute(text("SELECT kind, payload ->> 'reason' FROM outbox WHERE channel = 'mail'")).all()
    assert told == [("stop_fired", "stop_loss")]


@pytest.mark.rule(32)
@BOTH_MARKETS
def test_a_trailing_stop_moves_by_a_replacement_that_never_leaves_the_position_bare(
    make_world: Callable[..., World], market: str
) -> None:
    world = make_world([*TURN_UP, 200, 10])
    bot = world.add_bot(position_type=market, **TRAILING)
    world.ticks(bot, range(3))
    asked: list[str] = []

    class Notes(Misbehaving):
        def __getattr__(self, name: str) -> Any:
            if name.startswith(("place", "cancel")):
                asked.append(name)
            return super().__getattr__(name)

    world.go_faulty(Notes)
    before = world.resting()[0][1]
    world.tick(bot, 3)
    after = next(price for leg, price, _ in world.resting() if leg == "stop")
    assert after > before
    expected = ["cancel_order_list", "place_oco"] if market == "spot" else ["place_stop", "cancel_stop"]
    assert asked == expected
    assert len(world.resting()) == 2
    assert open_at_exchange(world) == {one.client_order_id for one in world.protection() if one.status == "NEW"}
    stop = next(one for one in world.protection() if one.leg == "stop" and one.status == "NEW")
    assert stop.reason == "trailing_stop"
    asked.clear()
    world.tick(bot, 4)
    assert asked == expected, "a higher high moved it again"


@pytest.mark.rule(32)
def test_a_stop_that_the_market_has_passed_flattens_the_position(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class TooLate(Misbehaving):
        def place_oco(self, *_: Any) -> Any:
            raise StopWouldTriggerError("the exchange refused: Stop price would trigger immediately. (-2010)")

    world.go_faulty(TooLate)
    assert traded(world.tick(bot, 2)) == ("entry:FILLED", "stop:REJECTED", "exit:FILLED")
    assert world.trades()[-1].reason == "stop_loss"
    assert not world.state(bot).in_position
    world.assert_ledger_matches_exchange()


def test_where_the_list_is_refused_the_stop_rests_alone(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, -600, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class TooFar(Misbehaving):
        def place_oco(self, *_: Any) -> Any:
            raise OrderRejectedError("the exchange refused: Filter failure: PERCENT_PRICE_BY_SIDE (-1013)")

    world.go_faulty(TooFar)
    world.tick(bot, 2)
    assert world.resting() == [("stop", STOP, Decimal("0.0499"))]
    assert world.ticks(bot, [3, 4]) == ["stop:FILLED"]
    world.assert_ledger_matches_exchange()


def test_a_list_whose_answer_was_lost_is_found_at_once(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Lossy(Misbehaving):
        def place_oco(self, *arguments: Any) -> Any:
            self._account.place_oco(*arguments)
            raise ExchangeUnavailableError("the exchange gave no answer")

    world.go_faulty(Lossy)
    world.tick(bot, 2)
    assert ends(world) == [("stop", "NEW"), ("take_profit", "NEW")]


def test_a_list_that_never_arrived_is_placed_once_more_when_it_can_no_longer_arrive(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 10])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    slept: list[float] = []

    class LosesTheFirst(Misbehaving):
        lost = 0

        def place_oco(self, *arguments: Any) -> Any:
            LosesTheFirst.lost += 1
            if LosesTheFirst.lost == 1:
                raise ExchangeUnavailableError("the exchange gave no answer")
            request, signed_at_ms = arguments
            return self._account.place_oco(request, signed_at_ms - int(sum(slept) * 1000))

        def wire_now_ms(self) -> int:
            now: int = self._account.wire_now_ms()
            return now + int(sum(slept) * 1000)

    world.go_faulty(LosesTheFirst)
    world.run_bot = replace(world.run_bot, sleep=slept.append)
    world.tick(bot, 2)
    assert 20 < sum(slept) <= 25
    assert ends(world) == [("stop", "ABSENT"), ("take_profit", "ABSENT"), ("stop", "NEW"), ("take_profit", "NEW")]


def test_an_exit_that_never_arrived_is_sent_once_more_when_it_can_no_longer_arrive(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30, -60, -60, -60, -60])
    bot = world.add_bot()
    world.ticks(bot, range(5))
    slept: list[float] = []

    class LosesTheFirst(Misbehaving):
        lost = 0

        def send_order(self, request: OrderRequest, signed_at_ms: int) -> Any:
            LosesTheFirst.lost += 1
            if LosesTheFirst.lost == 1:
                raise ExchangeUnavailableError("the exchange gave no answer")
            return self._account.send_order(request, signed_at_ms - int(sum(slept) * 1000))

        def wire_now_ms(self) -> int:
            now: int = self._account.wire_now_ms()
            return now + int(sum(slept) * 1000)

    world.go_faulty(LosesTheFirst)
    world.run_bot = replace(world.run_bot, sleep=slept.append)
    # The list has gone for it, so that until then the position is bare: this very tick ends it.
    assert world.ticks(bot, [5]) == ["exit:UNKNOWN", "exit:FILLED"]
    assert 20 < sum(slept) <= 25
    exits = [(order.status, order.attempt) for order in world.orders() if order.leg == "exit"]
    assert exits == [("ABSENT", 1), ("FILLED", 2)]
    assert not world.state(bot).in_position
    world.assert_ledger_matches_exchange()


@pytest.mark.rule(33)
def test_a_stop_that_filled_before_its_list_was_cancelled_is_the_exit(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, -100, -400, 10])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    shown = stranger(world, "spot").open_orders("BTCUSDT")

    class LagsBehind(Misbehaving):
        def open_orders(self, _: str) -> Any:
            return shown

    world.go_faulty(LagsBehind)
    world.exchange.advance(at(4))
    # The turn downwards asks for an exit; the list that reads still show has executed already.
    assert world.ticks(bot, [4]) == ["stop:FILLED"]
    assert world.trades()[-1].reason == "stop_loss"
    assert len(world.executions()) == 2
    world.assert_ledger_matches_exchange()


@pytest.mark.rule(33)
def test_while_a_cancel_is_unknown_nothing_is_sold(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, -60, -60, -10])
    bot = world.add_bot()
    world.ticks(bot, range(3))

    class SaysNothing(Misbehaving):
        def cancel_order_list(self, *_: Any) -> Any:
            raise ExchangeUnavailableError("the exchange gave no answer")

        def find_order(self, *_: Any) -> Any:
            raise OrderAbsentError("the exchange shows no such order")

    world.go_faulty(SaysNothing)
    assert world.ticks(bot, [3]) == []
    assert len(world.executions()) == 1
    assert "was cancelled" in world.state(bot).last_error_message
    world.go_cold()
    assert world.ticks(bot, [4]) == ["exit:FILLED"]
    world.assert_ledger_matches_exchange()


def test_an_order_of_somebody_else_is_shown_and_left_alone(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, 10, 10])
    bot = world.add_bot()
    world.ticks(bot, range(3))
    line = stranger(world, "spot")
    order = OrderRequest("BTCUSDT", Side.BUY, OrderType.LIMIT, Decimal("0.01"), "by-hand", price=Decimal("15000.00"))
    line.send_order(order, line.wire_now_ms())
    world.tick(bot, 3)
    (finding,) = findings(world)
    assert (finding.kind, "by-hand" in finding.text, finding.resolved_at) == ("foreign_order", True, None)
    assert "by-hand" in open_at_exchange(world)
    line.cancel_order("BTCUSDT", "by-hand")
    world.tick(bot, 4)
    assert findings(world)[0].resolved_at is not None


def findings(world: World) -> Sequence[Row[Any]]:
    with world.look.connect() as connection:
        return connection.execute(text("SELECT kind, text, resolved_at FROM findings ORDER BY id")).all()


def test_a_liquidation_is_adopted_as_the_exit(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 10, -4500, 10, 10])
    bot = world.add_bot(position_type="futures", leverage=5, stop_loss_perc=Decimal(40), max_daily_trades=1)
    world.ticks(bot, range(4))
    assert "before its stop" in world.state(bot).last_error_message
    assert world.ticks(bot, [4]) == ["liquidation:FILLED"]
    leave = world.trades()[-1]
    assert (leave.reason, leave.realized_pnl < -900) == ("liquidation", True)
    wallet = Decimal(world.exchange.account(world.api_key)["futures"]["USDT"]["wallet"])
    assert wallet - 10_000 == world.state(bot).realized_pnl
    world.assert_ledger_matches_exchange()
    assert open_at_exchange(world) == set()
    assert world.ticks(bot, [5]) == []


def test_funding_is_booked_once_by_its_transaction(make_world: Callable[..., World]) -> None:
    # The ticks begin at 06:40, funding is settled at 08:00.
    world = make_world([*TURN_UP, *[5] * 85])
    bot = world.add_bot(position_type="futures", stop_loss_perc=Decimal(20), take_profit_perc=Decimal(20))
    world.ticks(bot, range(3))
    weights = {minute: world.tick(bot, minute).weight for minute in (78, 79, 80, 81, 82)}
    assert [minute for minute, weight in weights.items() if weight > 30] == [78, 80], (
        "each stamp once: the answer had it"
    )
    with world.look.connect() as connection:
        (amount,) = connection.execute(text("SELECT amount FROM funding")).scalars()
    assert amount < 0
    memory = world.state(bot).strategy_state
    assert Decimal(memory["position"]["funding"]) == amount
    wallet = Decimal(world.exchange.account(world.api_key)["futures"]["USDT"]["wallet"])
    assert wallet == Decimal(memory["balance"]) + 5000
