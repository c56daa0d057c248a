"""What a bot that does not trade still holds is looked after: rarely, without entries, and visibly to its user."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bot_runner.conftest import at, traded
from tests.integration.bot_runner.test_protection import stranger
from tradebot.domain.message import MessageKind
from tradebot.domain.money import canonical
from tradebot.repositories.session import session_scope
from tradebot.services.notification_texts import notification_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World

FALL = [10] * 6 + [-100] * 12 + [10] * 60
RISE = [10] * 6 + [100] * 12 + [10] * 60
MARKETS = pytest.mark.parametrize("market", ["spot", "futures"])


def keeping(make_world: Callable[..., World], moves: list[int], **values: Any) -> tuple[World, int]:
    """Return a bot that has bought and was stopped, as the API does it for one that keeps its position."""
    world = make_world(moves)
    bot = world.add_bot(**values)
    assert "entry:FILLED" in world.ticks(bot, range(6))
    stop(world, bot)
    return world, bot


def stop(world: World, bot: int, status: str = "stopped") -> None:
    world.sql("UPDATE bot_configs SET is_active = false WHERE id = :bot", bot=bot)
    world.sql(
        "UPDATE bot_states SET status = :status, next_run_at = '1970-01-01Z', version = version + 1 WHERE id = :bot",
        bot=bot,
        status=status,
    )


def fill(world: World) -> str:
    return canonical(world.trades()[-1].quantity_filled)


def by(world: World) -> str:
    """Return the end of what is said of the last exit, from its trade."""
    trade = world.trades()[-1]
    level, pnl = trade.reason.replace("_", " "), canonical(trade.realized_pnl)
    return f" at {canonical(trade.price)} by its {level}. Realised: {pnl} USDT, fees of both sides deducted."


def words(world: World) -> str:
    """Return the text of the one message that the user is mailed."""
    with session_scope(world.look, None) as session:
        (row,) = session.execute(text("SELECT kind, payload FROM outbox WHERE channel = 'mail'")).all()
    return notification_text(MessageKind(row.kind), row.payload)[1]


def told(world: World) -> list[str]:
    with session_scope(world.look, None) as session:
        return list(session.scalars(text("SELECT kind FROM outbox WHERE channel = 'mail' ORDER BY id")))


@MARKETS
@pytest.mark.parametrize(
    ("moves", "reason", "kind"),
    [(FALL, "stop_loss", "stop_fired"), (RISE, "take_profit", "take_profit_filled")],
    ids=["stop", "take profit"],
)
def test_what_rests_fills_and_its_user_sees_it_without_a_start(
    make_world: Callable[..., World], market: str, moves: list[int], reason: str, kind: str
) -> None:
    world, bot = keeping(make_world, moves, position_type=market)
    assert world.tick(bot, 6).outcome == "watched"
    state = world.state(bot)
    assert (state.status, state.in_position, state.next_run_at) == ("stopped", True, at(20))
    assert world.tick(bot, 10).outcome == "busy", "not due before the quarter of an hour"
    world.tick(bot, 20)
    state = world.state(bot)
    assert (state.status, state.in_position, state.next_run_at) == ("stopped", False, None)
    assert [trade.reason for trade in world.trades()] == ["entry_signal", reason]
    assert world.trades()[-1].timestamp < at(20), "booked at its own time"
    assert told(world) == [kind]
    position = "spot" if market == "spot" else "long"
    assert words(world) == f"Bot {bot} (bot) sold {fill(world)} of its {position} position in BTCUSDT{by(world)}"
    assert world.resting() == []
    world.assert_ledger_matches_exchange()


@pytest.mark.parametrize(
    ("moves", "kind"), [([100] * 12, "stop_fired"), ([-100] * 12, "take_profit_filled")], ids=["stop", "take profit"]
)
def test_of_a_short_position_the_user_reads_that_it_was_bought_back(
    make_world: Callable[..., World], moves: list[int], kind: str
) -> None:
    world = make_world([*[10] * 3, *[-10] * 4, *moves, *[10] * 20])
    bot = world.add_bot(position_type="futures")
    world.ticks(bot, range(7))
    assert world.state(bot).position_side == "SHORT"
    stop(world, bot)
    world.tick(bot, 20)
    assert told(world) == [kind]
    assert words(world) == f"Bot {bot} (bot) bought back {fill(world)} of its short position in BTCUSDT{by(world)}"


def test_it_never_enters_and_decides_no_exit(make_world: Callable[..., World]) -> None:
    world, bot = keeping(make_world, [10] * 6 + [-10] * 6 + [10] * 6 + [-10] * 30)
    for minute in (6, 20, 35):
        assert traded(world.tick(bot, minute)) == ()
    assert len(world.executions()) == 1
    assert world.state(bot).in_position


def test_a_stop_that_somebody_cancelled_is_placed_again(make_world: Callable[..., World]) -> None:
    world, bot = keeping(make_world, [10] * 40, position_type="futures")
    before = world.resting()
    line = stranger(world, "futures")
    line.synchronise_clock()
    (resting,) = line.open_stops("BTCUSDT")
    line.cancel_stop(resting.client_algo_id, line.wire_now_ms())
    assert "stop:NEW" in world.tick(bot, 6).actions
    assert sorted(world.resting()) == sorted(before)


def test_a_bot_in_error_stays_in_error_with_its_words_and_is_looked_after(make_world: Callable[..., World]) -> None:
    world, bot = keeping(make_world, FALL)
    stop(world, bot, "error")
    world.sql("UPDATE bot_states SET last_error_message = 'the reason' WHERE id = :bot", bot=bot)
    world.tick(bot, 6)
    state = world.state(bot)
    assert (state.status, state.next_run_at, state.last_error_message) == ("error", at(20), "the reason")
    world.tick(bot, 20)
    state = world.state(bot)
    assert (state.status, state.next_run_at, state.last_error_message) == ("error", None, "the reason")
    assert (state.in_position, told(world)) == (False, ["stop_fired"])


def test_an_error_with_a_position_is_looked_at_again_and_one_without_is_not(make_world: Callable[..., World]) -> None:
    world = make_world([10] * 40)
    holder, flat = world.add_bot(), world.add_bot(name="flat")
    world.ticks(holder, range(6))
    world.sql("UPDATE api_keys SET is_valid = false, check_error = 'the key is gone'")
    world.tick(holder, 6)
    world.tick(flat, 6)
    states = [(world.state(bot).status, world.state(bot).next_run_at) for bot in (holder, flat)]
    assert states == [("error", at(20)), ("error", None)]


def test_an_exchange_that_is_down_is_asked_again_a_quarter_of_an_hour_later(make_world: Callable[..., World]) -> None:
    world, bot = keeping(make_world, FALL)
    world.exchange.stop()
    world.deliver(bot, 6)
    state = world.state(bot)
    assert (state.status, state.next_run_at) == ("stopped", at(20))
    assert state.last_error_message


def test_a_stop_on_paper_acts_too(make_world: Callable[..., World]) -> None:
    world, bot = keeping(make_world, FALL, api_key_id=None)
    world.tick(bot, 6)
    assert world.state(bot).next_run_at == at(20)
    world.tick(bot, 20)
    state = world.state(bot)
    assert (state.status, state.in_position, state.next_run_at) == ("stopped", False, None)
    leave = world.trades()[-1]
    assert (leave.reason, at(6) <= leave.timestamp < at(20)) == ("stop_loss", True)
    assert leave.realized_pnl == state.realized_pnl < Decimal(0)
    # Nothing of it happens again at the next start.
    world.sql("UPDATE bot_configs SET is_active = true WHERE id = :bot", bot=bot)
    world.sql("UPDATE bot_states SET status = 'starting', next_run_at = '1970-01-01Z' WHERE id = :bot", bot=bot)
    world.tick(bot, 21)
    assert len(world.trades()) == 2
