"""What a tick and a key's check tell the user: every exit that a level made, on paper too, and a refused key once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from tests.integration.bot_runner.test_a_bot_trades import TURN_UP
from tradebot.repositories.session import session_scope
from tradebot.services.notification_texts import notification_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.bot_runner.conftest import World
    from tradebot.domain.message import MessageKind


def told(world: World) -> list[tuple[MessageKind, dict[str, Any]]]:
    with session_scope(world.look, None) as session:
        rows = session.execute(text("SELECT kind, payload FROM outbox WHERE channel = 'mail' ORDER BY id")).all()
        pairs = session.execute(text("SELECT count(*), count(DISTINCT message_id) FROM outbox")).one()
    assert pairs == (2 * len(rows), len(rows)), "each by both channels under one id"
    return [(row.kind, row.payload) for row in rows]


@pytest.mark.parametrize(
    ("fall", "values", "kind", "reason"),
    [
        (-500, {}, "stop_fired", "stop_loss"),
        (900, {}, "take_profit_filled", "take_profit"),
        (-4500, {"position_type": "futures", "leverage": 5, "stop_loss_perc": 40}, "stop_fired", "liquidation"),
    ],
    ids=["stop", "take profit", "liquidation"],
)
@pytest.mark.parametrize("is_on_paper", [True, False], ids=["paper", "live"])
def test_a_position_that_a_level_ended_is_told_once(
    make_world: Callable[..., World], fall: int, values: dict[str, Any], kind: str, reason: str, *, is_on_paper: bool
) -> None:
    world = make_world([*TURN_UP, 10, fall, *[0] * 5])
    key = {"api_key_id": None} if is_on_paper else {}
    limits = {"stop_loss_perc": Decimal(2), "take_profit_perc": Decimal(4)}
    bot = world.add_bot(**limits | {"initial_capital": Decimal(5000)} | values | key)
    world.ticks(bot, range(4))
    assert (told(world), world.mail_requests) == ([], [])
    world.ticks(bot, [4, 5])
    assert world.trades()[-1].reason.value == reason
    ((found, facts),) = told(world)
    assert (found, facts["reason"], facts["bot_config_id"]) == (kind, reason, bot)
    assert Decimal(facts["price"]) == world.trades()[-1].price
    assert facts.get("is_on_paper", False) is is_on_paper
    assert world.mail_requests, "at once"
    _, words = notification_text(found, facts)
    assert ("on paper" in words) is is_on_paper
    assert ("liquidation" in words) is (reason == "liquidation")


def test_a_refused_key_is_told_once_whoever_meets_it_and_again_when_it_was_good_meanwhile(
    make_world: Callable[..., World],
) -> None:
    world = make_world([*TURN_UP, *[30] * 10])
    first, second = world.add_bot(), world.add_bot(name="second")
    for bot in (first, second):
        world.ticks(bot, [0])
    refuse = {"secret_key": "rotated by its owner"}
    world.exchange._call("PUT", f"/accounts/{world.api_key}", refuse)
    assert world.tick(first, 2).outcome == "error"
    assert world.deliver(second, 2).outcome == "error"
    assert [kind for kind, _ in told(world)] == ["key_refused"], "two bots of one key"
    assert not world.check_key()
    assert not world.check_key()
    assert len(told(world)) == 1, "its daily check finds what is told already"
    third = world.add_bot(name="third")
    assert world.tick(third, 3).outcome == "error"
    assert len(told(world)) == 1, "a bot that meets a key known as refused"
    world.exchange._call("PUT", f"/accounts/{world.api_key}", {"secret_key": world.secret_key})
    assert world.check_key()
    world.exchange._call("PUT", f"/accounts/{world.api_key}", refuse)
    assert not world.check_key()
    assert [kind for kind, _ in told(world)] == ["key_refused"] * 2


def test_a_key_that_is_refused_from_the_first_is_told_by_its_check(make_world: Callable[..., World]) -> None:
    world = make_world([*TURN_UP])
    world.add_key("greedy", permissions={"enableWithdrawals": True}, is_valid=False)
    for _ in range(2):
        assert not world.check_key()
    ((kind, facts),) = told(world)
    assert (kind, facts["api_key_id"], "may withdraw" in facts["reason"]) == ("key_refused", world.api_key_id, True)
