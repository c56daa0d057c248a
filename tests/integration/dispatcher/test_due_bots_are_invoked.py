"""The dispatcher over real Postgres, under its own role: who is due, in which order, and when the rule rests."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from sqlalchemy import event, insert, text

from tests.fixtures.aws import moto_aws
from tradebot.aws.schedule import EventBridgeTickSchedule
from tradebot.models import BotConfig, BotState, User
from tradebot.observability import metrics
from tradebot.repositories.session import session_scope
from tradebot.services.dispatch_due_bots import DispatchDueBots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Engine

TICK = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


class Mailbox:
    """Takes events as bot_runner's queue does; refuses those of some bots."""

    def __init__(self, *, refuses: frozenset[int] = frozenset()) -> None:
        self.events: list[dict[str, Any]] = []
        self._refuses = refuses
        self._lock = threading.Lock()

    def invoke(self, event: Mapping[str, Any]) -> None:
        if event["bot_config_id"] in self._refuses:
            raise ConnectionError("throttled")
        with self._lock:
            self.events.append(dict(event))

    @property
    def bots(self) -> list[int]:
        return [one["bot_config_id"] for one in self.events]


@pytest.fixture(autouse=True)
def invocation() -> Iterator[None]:
    yield
    metrics().clear_metrics()


@pytest.fixture
def add_bot(migrated_engine: Engine) -> Callable[..., int]:
    with session_scope(migrated_engine, None) as session:
        user_id = session.scalars(
            insert(User).values(email="trader@example.com", hashed_password="x").returning(User.id)
        ).one()

    def add(timeframe: str, next_run_at: datetime | None, *, is_active: bool = True) -> int:
        with session_scope(migrated_engine, None) as session:
            bot: int = session.scalars(
                insert(BotConfig)
                .values(
                    user_id=user_id,
                    name="bot",
                    symbol="BTCUSDT",
                    timeframe=timeframe,
                    is_active=is_active,
                    stop_loss_perc=1,
                    take_profit_perc=2,
                    ema_fast=9,
                    ema_slow=21,
                    rsi_period=14,
                    rsi_oversold=30,
                    rsi_overbought=70,
                )
                .returning(BotConfig.id)
            ).one()
            session.execute(insert(BotState).values(id=bot, user_id=user_id, next_run_at=next_run_at))
        return bot

    return add


@pytest.fixture
def rule() -> Iterator[EventBridgeTickSchedule]:
    with moto_aws():
        client = boto3.client("events", region_name="eu-central-1")
        client.put_rule(Name="tick", ScheduleExpression="cron(* * * * ? *)", State="ENABLED")
        yield EventBridgeTickSchedule(lambda: client, "tick")


def state_of(rule: EventBridgeTickSchedule) -> str:
    state: str = rule.make_client().describe_rule(Name=rule.rule_name)["State"]
    return state


@pytest.fixture
def dispatch(
    engine_as: Callable[[str | None], Engine], rule: EventBridgeTickSchedule
) -> Callable[[Mailbox], DispatchDueBots]:
    engine = engine_as("app_dispatcher")
    return lambda mailbox: DispatchDueBots(partial(session_scope, engine), mailbox, rule)


def test_every_due_bot_is_invoked_once_and_no_other(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots]
) -> None:
    at_once, now = add_bot("1m", AT_ONCE), add_bot("1m", TICK)
    add_bot("1m", TICK + timedelta(minutes=1))
    add_bot("1m", None)
    mailbox = Mailbox()
    report = dispatch(mailbox)(TICK)
    assert (report.due, report.failed, report.is_schedule_disabled) == (2, 0, False)
    assert sorted(mailbox.bots) == [at_once, now]
    assert mailbox.events[0].keys() == {"bot_config_id", "user_id", "tick_at"}
    assert {one["tick_at"] for one in mailbox.events} == {"2023-03-13T10:00:00+00:00"}


@pytest.mark.rule(31)
def test_bots_of_short_timeframes_come_first_and_one_that_only_settles_comes_last(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradebot.services.dispatch_due_bots.INVOKE_THREADS", 1)  # one thread shows the order
    settling = add_bot("1m", AT_ONCE, is_active=False)
    day, minute, hour, month = (add_bot(timeframe, TICK) for timeframe in ("1d", "1m", "1h", "1M"))
    mailbox = Mailbox()
    dispatch(mailbox)(TICK)
    assert mailbox.bots == [minute, hour, day, month, settling]


def test_one_bot_that_cannot_be_invoked_does_not_keep_the_tick_from_the_others(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots]
) -> None:
    bots = [add_bot("1m", TICK) for _ in range(5)]
    mailbox = Mailbox(refuses=frozenset(bots[:1]))
    assert dispatch(mailbox)(TICK).failed == 1
    assert sorted(mailbox.bots) == bots[1:]


def test_a_tick_that_reached_nobody_fails_and_leaves_the_rule_enabled(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots], rule: EventBridgeTickSchedule
) -> None:
    bot = add_bot("1m", TICK)
    with pytest.raises(RuntimeError, match="none of 1"):
        dispatch(Mailbox(refuses=frozenset([bot])))(TICK)
    assert state_of(rule) == "ENABLED"


def test_a_bot_that_is_due_later_keeps_the_rule_enabled(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots], rule: EventBridgeTickSchedule
) -> None:
    add_bot("1h", TICK + timedelta(minutes=59))
    assert not dispatch(Mailbox())(TICK).is_schedule_disabled
    assert state_of(rule) == "ENABLED"


def test_the_rule_is_disabled_where_no_bot_is_active(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots], rule: EventBridgeTickSchedule
) -> None:
    add_bot("1m", None, is_active=False)
    assert dispatch(Mailbox())(TICK).is_schedule_disabled
    assert state_of(rule) == "DISABLED"


def test_a_bot_that_starts_while_the_rule_is_being_disabled_finds_it_enabled(
    add_bot: Callable[..., int],
    engine_as: Callable[[str | None], Engine],
    rule: EventBridgeTickSchedule,
) -> None:
    class StartsInBetween:
        """A user's start commits right before the rule is disabled, and its own enabling came before as well."""

        def enable(self) -> None:
            rule.enable()

        def disable(self) -> None:
            add_bot("1m", AT_ONCE)
            rule.enable()
            rule.disable()

    dispatcher = DispatchDueBots(partial(session_scope, engine_as("app_dispatcher")), Mailbox(), StartsInBetween())
    assert not dispatcher(TICK).is_schedule_disabled
    assert state_of(rule) == "ENABLED"


def test_due_bots_are_found_by_one_statement_that_uses_the_index(
    add_bot: Callable[..., int],
    engine_as: Callable[[str | None], Engine],
    rule: EventBridgeTickSchedule,
    migrated_engine: Engine,
) -> None:
    bot = add_bot("1m", TICK)
    with migrated_engine.begin() as connection:
        # Many bots that are stopped, which the partial index does not hold.
        connection.execute(
            text(
                "INSERT INTO bot_configs (user_id, name, symbol, timeframe, stop_loss_perc, take_profit_perc, ema_fast,"
                " ema_slow, rsi_period, rsi_oversold, rsi_overbought)"
                " SELECT user_id, 'idle', symbol, timeframe, stop_loss_perc, take_profit_perc, ema_fast, ema_slow,"
                " rsi_period, rsi_oversold, rsi_overbought FROM bot_configs, generate_series(1, 3000)"
            )
        )
        connection.execute(
            text("INSERT INTO bot_states (id, user_id) SELECT id, user_id FROM bot_configs WHERE name = 'idle'")
        )
    engine = engine_as("app_dispatcher")
    sent: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
    mailbox = Mailbox()
    DispatchDueBots(partial(session_scope, engine), mailbox, rule)(TICK)
    assert mailbox.bots == [bot]
    ((statement, parameters),) = sent
    with migrated_engine.connect() as connection:
        connection.execute(text("ANALYZE bot_states"))
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    assert "ix_bot_states_due" in "\n".join(plan)


def test_a_tick_that_is_delivered_twice_invokes_twice_and_leaves_it_to_the_lease(
    add_bot: Callable[..., int], dispatch: Callable[[Mailbox], DispatchDueBots]
) -> None:
    add_bot("1m", TICK)
    mailbox = Mailbox()
    dispatch(mailbox)(TICK)
    dispatch(mailbox)(TICK)
    assert len(mailbox.events) == 2, "the second one finds the lease taken or the bot no longer due"
