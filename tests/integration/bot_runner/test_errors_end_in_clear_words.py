"""What the exchange or the user's settings refuse: a clear message, the right status, never a loop of crashes."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.misbehaving import Misbehaving
from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tradebot.domain.order import OrderRequest, OrderType, Side
from tradebot.errors import ExchangeThrottledError, OrderRejectedError
from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World
    from tradebot.exchange.protocol import VenueOrder


def test_a_key_that_the_exchange_refuses_ends_in_status_error_and_makes_the_bot_inactive(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    assert world.mail_requests == []
    world.exchange._call("PUT", f"/accounts/{world.api_key}", {"secret_key": "rotated by its owner"})
    assert world.tick(bot, 2).outcome == "error"
    assert world.mail_requests == ["now"], "its user is told at once"
    state = world.state(bot)
    assert (state.status, state.next_run_at, state.lease_expires_at) == ("error", None, None)
    assert "refuses the API key" in state.last_error_message
    with world.look.connect() as connection:
        assert connection.execute(text("SELECT kind FROM outbox WHERE channel = 'mail'")).scalars().all() == [
            "key_refused"
        ]
    assert world.is_active(bot) is False, "so that its user can mend the key and start it"
    assert world.tick(bot, 3).outcome == "busy", "nobody tries again before the user has"
    assert world.executions() == []


def test_a_bot_whose_key_is_not_valid_does_not_trade_and_its_key_stays_sealed(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30])
    world.add_key("refused", is_valid=False)
    bot = world.add_bot()
    assert world.tick(bot, 0).outcome == "error"
    assert "has not been checked yet" in world.state(bot).last_error_message
    assert world.keys.opened == 0


def test_no_key_is_decrypted_while_nothing_has_to_be_signed(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30])
    bot = world.add_bot()
    world.tick(bot, 0)
    assert world.keys.opened == 1, "a bot that starts is held against the exchange"
    world.go_cold()
    world.tick(bot, 1)
    assert world.keys.opened == 1
    world.ticks(bot, [2, 3])
    assert world.keys.opened == 2


def test_a_symbol_that_is_not_traded_says_so(make_world: Callable[..., World]) -> None:
    world = make_world([10, 10])
    bot = world.add_bot(symbol="NOSUCHUSDT")
    assert world.tick(bot, 0).outcome == "error"
    assert "Invalid symbol" in world.state(bot).last_error_message


@pytest.mark.rule(12)
def test_a_futures_position_that_is_not_the_bots_is_refused(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    stranger = make_client(
        Venue(world.exchange.url), "live", "futures", api_key=world.api_key, secret_key=world.secret_key
    )
    order = OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, Decimal("0.01"), "by-hand")
    stranger.send_order(order, stranger.wire_now_ms())
    bot = world.add_bot(position_type="futures")
    assert world.tick(bot, 0).outcome == "error"
    assert "position in BTCUSDT that this bot did not open" in world.state(bot).last_error_message
    assert len(world.executions()) == 1


def test_an_exchange_that_does_not_answer_defers_the_tick(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))
    world.exchange.advance(at(2))
    url, world.exchange.url = world.exchange.url, "http://127.0.0.1:9"
    world.go_cold()
    assert world.deliver(bot, 2).outcome == "deferred"
    state = world.state(bot)
    assert (state.status, state.next_run_at) == ("running", at(3))
    assert "gave no answer" in state.last_error_message
    world.exchange.url = url
    world.go_cold()
    assert world.tick(bot, 3).outcome == "done"
    assert world.state(bot).last_error_message is not None, "the signal of the missed candle expired, and that is said"


def test_a_timestamp_that_the_exchange_refuses_is_measured_again_and_the_order_sent_once_more(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Skewed(Misbehaving):
        """Its clock has run away since the balance was read, by more than recvWindow."""

        def free_balances(self) -> Any:
            balances = self._account.free_balances()
            self._account._transport.venue.clock_offset_ms -= 20_000
            return balances

    world.go_faulty(Skewed)
    assert traded(world.tick(bot, 2)) == ("entry:FILLED",)
    refused, accepted = world.orders()
    assert (refused.status, refused.attempt, accepted.status, accepted.attempt) == ("REJECTED", 1, "FILLED", 2)
    assert "timestamp" in refused.last_error
    assert len(world.executions()) == 1
    world.assert_ledger_matches_exchange()


def test_a_refused_entry_is_told_and_not_tried_again(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Refuses(Misbehaving):
        def send_order(self, *_: Any) -> VenueOrder:
            raise OrderRejectedError("the exchange refused: Account has insufficient balance (-2010)")

    world.go_faulty(Refuses)
    assert traded(world.tick(bot, 2)) == ("entry:REJECTED",)
    assert world.orders()[0].status == "REJECTED"
    assert "insufficient balance" in world.state(bot).last_error_message
    assert traded(world.tick(bot, 3)) == ()


@pytest.mark.parametrize("market", ["spot", "futures"])
def test_an_entry_that_the_market_has_run_away_from_is_refused_once_in_clear_words(
    make_world: Callable[..., World], market: str
) -> None:
    """All of the balance, 1 % kept free, and a price that is 2 % higher when the order arrives."""
    world = make_world([*TURN_UP, 400, 30, 30])
    everything = Decimal(10_000)
    bot = world.add_bot(position_type=market, leverage=50, position_size_fixed=everything, initial_capital=everything)
    world.ticks(bot, range(2))
    world.exchange.advance(at(3))
    assert traded(world.deliver(bot, 2)) == ("entry:REJECTED",)
    state = world.state(bot)
    assert (state.status, state.in_position) == ("running", False)
    assert "The entry order was not accepted" in state.last_error_message
    assert "lower the position's size" in state.last_error_message
    assert world.ticks(bot, [3, 4]) == [], "nor is it sent again without a signal"
    assert [order.status for order in world.orders()] == ["REJECTED"]
    assert (world.executions(), world.protection()) == ([], [])


def test_a_refused_exit_is_tried_again_by_the_next_tick(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, -60, -60, -60])
    bot = world.add_bot()
    world.ticks(bot, range(3))

    class RefusesOnce(Misbehaving):
        def send_order(self, *_: Any) -> VenueOrder:
            raise OrderRejectedError("the exchange refused: Market is closed. (-1013)")

    world.go_faulty(RefusesOnce)
    assert traded(world.tick(bot, 3)) == ("exit:REJECTED",)
    assert world.state(bot).in_position
    world.go_cold()
    assert traded(world.tick(bot, 4)) == ("exit:FILLED",)
    world.assert_ledger_matches_exchange()


def test_a_throttled_bot_is_not_due_before_the_exchange_allows_it(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Throttled(Misbehaving):
        def free_balances(self) -> Any:
            raise ExchangeThrottledError("the exchange limits our requests (HTTP 429)", retry_after_seconds=200)

    world.go_faulty(Throttled)
    assert world.tick(bot, 2).outcome == "deferred"
    assert world.state(bot).next_run_at == at(6)


def test_coins_that_were_sold_elsewhere_are_not_sold_again(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, -60, -60, -60])
    bot = world.add_bot()
    world.ticks(bot, range(3))

    by_hand = make_client(Venue(world.exchange.url), "live", "spot", api_key=world.api_key, secret_key=world.secret_key)
    stop, _ = world.protection()
    by_hand.cancel_order_list("BTCUSDT", stop.list_client_order_id)
    everything = Decimal(world.trades()[0].quantity_filled).quantize(Decimal("0.0001"), ROUND_DOWN)
    sale = OrderRequest("BTCUSDT", Side.SELL, OrderType.MARKET, everything, "by-hand")
    by_hand.send_order(sale, by_hand.wire_now_ms())
    sold = len(world.executions())
    for minute in (3, 4):
        assert traded(world.tick(bot, minute)) == ()
        assert "the account has" in world.state(bot).last_error_message
    assert len(world.executions()) == sold
    assert [order.status for order in world.protection()] == ["CANCELED", "CANCELED"]


def test_a_defect_is_raised_after_the_bot_was_told_and_given_back(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP, 30, 30])
    bot = world.add_bot()
    world.ticks(bot, range(2))

    class Broken(Misbehaving):
        def free_balances(self) -> Any:
            raise ZeroDivisionError

    world.go_faulty(Broken)
    with pytest.raises(ZeroDivisionError):
        world.tick(bot, 2)
    state = world.state(bot)
    assert (state.lease_expires_at, state.next_run_at, state.status) == (None, at(3), "running")
    assert "internal error" in state.last_error_message


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        ({}, None),
        ({"enableWithdrawals": True}, "may withdraw"),
        ({"enableReading": False}, "may not read"),
        ({"enableSpotAndMarginTrading": False, "enableFutures": False}, "may not trade"),
    ],
    ids=["a good key", "withdrawals", "no reading", "no trading"],
)
def test_a_check_stores_what_the_exchange_says_of_a_key(
    make_world: Callable[..., World], permissions: dict[str, bool], words: str | None
) -> None:
    world = make_world([10])
    world.add_key("checked", permissions=permissions, is_valid=False)
    assert world.check_key() is (words is None)
    with world.look.connect() as connection:
        row = connection.execute(
            text("SELECT is_valid, checked_at, check_error FROM api_keys WHERE id = :key"), {"key": world.api_key_id}
        ).one()
    assert (row.is_valid, row.checked_at is not None) == (words is None, True)
    assert words is None or words in row.check_error
