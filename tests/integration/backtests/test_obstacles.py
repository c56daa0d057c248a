"""What kept a bot from entering, read from its orders, its findings and the audit log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.fixtures.rows import Owner
from tradebot.report.comparison import Cause
from tradebot.repositories import audit_events, order_history
from tradebot.services.compare_backtest import _barred, _differed, _unfilled

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

AT = datetime(2023, 3, 13, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
END = AT + 9 * HOUR


def test_an_entry_that_filled_nothing_is_told_with_the_exchanges_words_at_the_candle_that_decided_it(
    session: Session,
) -> None:
    owner = Owner(session)
    own = owner.parents("orders")
    refused = {"status": "REJECTED", "last_error": "the account has too little USDT."}
    owner.insert("orders", **own, **refused, decision_key="ema:20230313T100000Z:enter_long")
    # One that traded, one that may still, and one that leaves, are no obstacles.
    filled = {"status": "FILLED", "executed_qty": "0.01", "venue_order_id": "1", "avg_price": "20000"}
    owner.insert("orders", **own, **filled, decision_key="ema:20230313T110000Z:enter_long")
    (row,) = [
        one
        for one in order_history.list_unfilled_entries(session, owner.user_id, owner.ids["bot_configs"], limit=9)
        if one.decision_key.endswith("Z:enter_long")
    ]
    told = _unfilled(row, 300)
    assert (told.begin_at, told.end_at, told.cause) == (AT, AT + timedelta(minutes=5), Cause.ORDER)
    assert told.detail == "Its order was recorded and filled nothing (REJECTED): the account has too little USDT."


def test_kill_switches_of_the_bot_and_of_its_user_count_and_another_bots_does_not(session: Session) -> None:
    owner = Owner(session)
    bot = owner.ids["bot_configs"]
    for hours, action, object_id in (
        (0, "bot.kill_switch_set", bot),
        (1, "bot.kill_switch_cleared", bot),
        (2, "account.kill_switch_set", None),
        (3, "bot.kill_switch_set", bot + 1),
    ):
        kind = None if object_id is None else "bot_config"
        event = {"action": action, "object_type": kind, "object_id": object_id, "created_at": AT + hours * HOUR}
        owner.insert("audit_events", user_id=owner.user_id, **event)
    found = _barred(audit_events.kill_switches_of_bot(session, owner.user_id, bot, END), END)
    assert [(one.begin_at, one.end_at, one.detail) for one in found] == [
        (AT, AT + HOUR, "The kill switch of the bot was on."),
        (AT + 2 * HOUR, END, "The kill switch of the account was on."),
    ]


def test_books_that_differ_are_an_obstacle_until_they_agree_and_a_strangers_order_is_none(session: Session) -> None:
    owner = Owner(session)
    own = owner.parents("findings")
    for kind, until in (("coins_missing", AT + HOUR), ("foreign_order", None)):
        seen = {"first_seen_at": AT, "last_seen_at": AT, "resolved_at": until}
        owner.insert("findings", **own, **seen, kind=kind, text=f"{kind} here.")
    rows = order_history.list_blocking_findings(session, owner.user_id, owner.ids["bot_configs"], END, limit=9)
    (told,) = [_differed(one, END) for one in rows]
    assert (told.begin_at, told.end_at, told.cause) == (AT, AT + HOUR, Cause.FINDING)
    assert told.detail == "Its books and the exchange differed: coins_missing here."
