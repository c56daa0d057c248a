"""Kill switches where they count: in the statement that records an entry, against a switch set at that very moment."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tradebot.repositories.session import session_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from tests.integration.bot_runner.conftest import World

SET = "SET kill_switch_at = now(), kill_switch_by = 'operator', kill_switch_reason = 'a drill'"
CLEAR = "SET kill_switch_at = null, kill_switch_by = null, kill_switch_reason = null"
#: What sets each switch, whose row the statement has to mind.
SWITCHES = {
    "bot": "UPDATE bot_states {} WHERE id = :bot",
    "user": "UPDATE users {} WHERE id = :user",
    "everything": "UPDATE platform_switches {}",
}
#: A rise that makes the bot buy at minute 2, and a fall that makes it sell at minute 8.
RISE_AND_FALL = [10] * 6 + [-10] * 6


def switch(world: World, scope: str, bot: int, change: str = SET) -> None:
    with session_scope(world.look, None) as session:
        turn(session, scope, world, bot, change)


def turn(session: Session, scope: str, world: World, bot: int, change: str = SET) -> None:
    values = {"bot": {"bot": bot}, "user": {"user": world.user_id}, "everything": {}}[scope]
    session.execute(text(SWITCHES[scope].format(change)), values)


@pytest.mark.parametrize("scope", SWITCHES)
def test_while_a_switch_is_on_nothing_is_entered_and_its_user_is_told(
    make_world: Callable[..., World], scope: str
) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot()
    world.tick(bot, 0)
    switch(world, scope, bot)
    assert world.ticks(bot, range(1, 7)) == []
    assert world.orders() == []
    state = world.state(bot)
    assert (state.status, state.in_position) == ("running", False)
    assert "a drill" in state.last_error_message
    switch(world, scope, bot, CLEAR)
    world.tick(bot, 7)
    assert world.state(bot).last_error_message is None
    assert world.executions() == [], "what was kept from being entered is not made up for"


@pytest.mark.parametrize("scope", SWITCHES)
def test_what_a_bot_holds_is_left_while_a_switch_is_on(make_world: Callable[..., World], scope: str) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot()
    world.tick(bot, 0)
    assert "entry:FILLED" in world.ticks(bot, range(1, 6))
    switch(world, scope, bot)
    assert "exit:FILLED" in world.ticks(bot, range(6, 12))
    assert world.state(bot).in_position is False
    world.assert_ledger_matches_exchange()


class LateSwitch:
    """Stands before the account and acts when the tick takes the wire time, right before it records its intent."""

    def __init__(self, account: Any, act: Callable[[], None]) -> None:
        self._account = account
        self._act = act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def wire_now_ms(self) -> int:
        self._act()
        return int(self._account.wire_now_ms())


@pytest.mark.parametrize("scope", SWITCHES)
def test_a_switch_set_between_decision_and_intent_keeps_the_entry_from_leaving(
    make_world: Callable[..., World], scope: str
) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot()
    world.tick(bot, 0)
    world.go_faulty(lambda account: LateSwitch(account, lambda: switch(world, scope, bot)))
    assert not [act for act in world.ticks(bot, range(1, 5)) if act.startswith("entry")]
    assert world.orders() == []
    assert world.executions() == []
    assert "kill switch" in world.state(bot).last_error_message


@contextmanager
def _open(world: World, scope: str, bot: int) -> Iterator[Session]:
    with session_scope(world.look, None) as session:
        turn(session, scope, world, bot)
        yield session


@pytest.mark.parametrize("scope", SWITCHES)
def test_a_switch_that_is_being_set_is_waited_for_and_obeyed(make_world: Callable[..., World], scope: str) -> None:
    """Its transaction has written the row and not committed when the intent's statement begins."""
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot()
    world.tick(bot, 0)
    is_set, waits = threading.Event(), threading.Event()

    def set_slowly() -> None:
        with _open(world, scope, bot) as session:
            is_set.set()
            deadline = time.monotonic() + 2
            blocked = text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            while not session.scalar(blocked) and time.monotonic() < deadline:
                time.sleep(0.01)
            if session.scalar(blocked):
                waits.set()

    thread = threading.Thread(target=set_slowly)

    def begin() -> None:
        if not is_set.is_set():
            thread.start()
            assert is_set.wait(5)

    world.go_faulty(lambda account: LateSwitch(account, begin))
    acts = world.ticks(bot, range(1, 5))
    thread.join()
    assert waits.is_set(), "the intent has to wait for the switch, or this test shows nothing"
    assert not [act for act in acts if act.startswith("entry")]
    assert world.orders() == []
    assert world.executions() == []


def test_without_the_row_of_the_switch_for_everything_nothing_is_entered(make_world: Callable[..., World]) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot()
    world.tick(bot, 0)
    world.sql("DELETE FROM platform_switches")
    assert not [act for act in world.ticks(bot, range(1, 5)) if act.startswith("entry")]
    assert world.orders() == []


def test_a_user_that_was_deactivated_meanwhile_enters_nothing(make_world: Callable[..., World]) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot()
    world.tick(bot, 0)

    def deactivate() -> None:
        world.sql("UPDATE users SET is_active = false WHERE id = :id", id=world.user_id)

    world.go_faulty(lambda account: LateSwitch(account, deactivate))
    world.ticks(bot, range(1, 5))
    assert world.orders() == []


@pytest.mark.parametrize("scope", SWITCHES)
def test_a_bot_on_paper_obeys_switches_too(make_world: Callable[..., World], scope: str) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot(api_key_id=None)
    world.tick(bot, 0)
    switch(world, scope, bot)
    # One by one, and several candles at once after ticks that were missed.
    assert world.ticks(bot, [1, 2, 5, 6]) == []
    assert world.orders() == []
    assert world.state(bot).last_error_message is not None


def test_a_bot_on_paper_leaves_what_it_holds_while_a_switch_is_on(make_world: Callable[..., World]) -> None:
    world = make_world(RISE_AND_FALL)
    bot = world.add_bot(api_key_id=None)
    world.tick(bot, 0)
    assert world.ticks(bot, range(1, 6)) == ["entry:FILLED"]
    switch(world, "bot", bot)
    assert world.ticks(bot, [8, 11, 12]) == ["exit:FILLED"]
