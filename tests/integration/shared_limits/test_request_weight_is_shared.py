"""One row per address: many processes reserve from it at once, entries stop first, and a ban stops everybody."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from tradebot.errors import ExchangeBudgetError, ExchangeThrottledError
from tradebot.exchange.gate import Urgency
from tradebot.repositories.session import session_scope
from tradebot.services import exchange_budget
from tradebot.services.exchange_budget import TICK_WEIGHT, ExchangeBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    EngineAs = Callable[[str | None], Engine]

MINUTE = datetime(2023, 3, 13, 10, tzinfo=UTC)


class Wire:
    """Wire time under the test's control."""

    def __init__(self) -> None:
        self.at = MINUTE

    def __call__(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.setattr(exchange_budget, "count", lambda _name: None)  # an invocation's metrics, of which there is none
    return Wire()


@pytest.fixture
def process(engine_as: EngineAs, wire: Wire) -> Callable[..., ExchangeBudget]:
    """What another process would hold of a venue that allows 100 a minute."""

    def make(venue: str = "live-spot", egress: str = "default", weight_limit: int = 100) -> ExchangeBudget:
        session = partial(session_scope, engine_as("app_worker"))
        return ExchangeBudget(session, venue, egress, weight_limit, wire)

    return make


def used(engine: Engine, venue: str = "live-spot", egress: str = "default") -> int:
    with engine.connect() as connection:
        found: int = connection.execute(
            text("SELECT used_weight FROM exchange_limits WHERE venue = :venue AND egress = :egress"),
            {"venue": venue, "egress": egress},
        ).scalar_one()
        return found


def test_entries_stop_at_their_share_and_exits_go_on_to_the_limit(process: Callable[..., ExchangeBudget]) -> None:
    process().reserve(Urgency.ENTRY, 40)
    process().reserve(Urgency.ENTRY, 20)
    with pytest.raises(ExchangeBudgetError, match="No position is opened in this minute"):
        process().reserve(Urgency.ENTRY, 1)
    for _ in range(4):
        process().reserve(Urgency.PROTECTION, 10)
    with pytest.raises(ExchangeBudgetError) as refused:
        process().reserve(Urgency.PROTECTION, 1)
    assert refused.value.retry_after_seconds == 60


def test_a_new_minute_begins_at_zero(process: Callable[..., ExchangeBudget], wire: Wire) -> None:
    budget = process()
    budget.reserve(Urgency.PROTECTION, 100)
    wire.pass_seconds(59)
    with pytest.raises(ExchangeBudgetError) as refused:
        process().reserve(Urgency.PROTECTION, 1)
    assert refused.value.retry_after_seconds == 1
    wire.pass_seconds(1)
    process().reserve(Urgency.PROTECTION, 100)
    # What the first one had left was of the minute before.
    with pytest.raises(ExchangeBudgetError):
        budget.admit(1)


def test_a_tick_reserves_once_and_gives_back_what_it_did_not_use(
    process: Callable[..., ExchangeBudget], migrated_engine: Engine
) -> None:
    budget = process()
    for weight in (1, 1, 2):
        budget.admit(weight)
        assert used(migrated_engine) == TICK_WEIGHT
    budget.settle()
    assert used(migrated_engine) == 4
    budget.settle()
    assert used(migrated_engine) == 4


def test_what_can_wait_is_shed_before_what_can_not(process: Callable[..., ExchangeBudget]) -> None:
    """Of 100: entries and comparisons up to 60, looks at what rests up to 80, exits and stops to the end."""
    process().reserve(Urgency.COMPARISON, 60)
    for urgency in (Urgency.ENTRY, Urgency.COMPARISON):
        with pytest.raises(ExchangeBudgetError):
            process().reserve(urgency, 1)
    process().reserve(Urgency.LOOK, 20)
    flat = process()
    with pytest.raises(ExchangeBudgetError, match="What rests is not looked at"), flat.at(Urgency.LOOK):
        flat.admit(1)
    flat.admit(6)  # out of the block it is urgent again
    process().reserve(Urgency.PROTECTION, 14)


def test_nothing_asked_is_nothing_reserved(process: Callable[..., ExchangeBudget], migrated_engine: Engine) -> None:
    process().settle()
    with migrated_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM exchange_limits")).scalar() == 0


def test_the_exchanges_own_count_is_believed_where_it_is_higher_and_of_this_minute(
    process: Callable[..., ExchangeBudget], migrated_engine: Engine
) -> None:
    budget = process()
    budget.admit(2)
    budget.tell(70, MINUTE - timedelta(seconds=1))  # of the minute before
    budget.settle()
    assert used(migrated_engine) == 2
    budget.admit(2)
    budget.tell(70, MINUTE + timedelta(seconds=5))
    budget.settle()
    assert used(migrated_engine) == 70
    with pytest.raises(ExchangeBudgetError):
        process().reserve(Urgency.ENTRY, 1)


def test_the_last_weight_of_a_minute_serves_a_request_that_fits(process: Callable[..., ExchangeBudget]) -> None:
    process().reserve(Urgency.PROTECTION, 95)
    process().admit(5)
    with pytest.raises(ExchangeBudgetError):
        process().admit(1)


def test_a_ban_stops_every_process_until_it_has_passed(process: Callable[..., ExchangeBudget], wire: Wire) -> None:
    working, banned = process(), process()
    working.admit(1)
    banned.block(120)
    with pytest.raises(ExchangeThrottledError) as refused:
        process().reserve(Urgency.PROTECTION, 1)
    assert refused.value.retry_after_seconds == 120
    assert not isinstance(refused.value, ExchangeBudgetError)
    # One in the middle of its tick may send what it has reserved for a moment, and then looks again.
    working.admit(1)
    wire.pass_seconds(0.25)
    with pytest.raises(ExchangeThrottledError):
        working.admit(1)
    banned.block(1)  # a shorter one does not end a longer one
    wire.pass_seconds(119.65)
    with pytest.raises(ExchangeThrottledError):
        process().admit(1)
    wire.pass_seconds(0.2)
    process().admit(1)
    banned.admit(1)


def test_venues_and_addresses_are_counted_apart(process: Callable[..., ExchangeBudget]) -> None:
    process().reserve(Urgency.PROTECTION, 100)
    process("live-futures").reserve(Urgency.PROTECTION, 100)
    process(egress="other").reserve(Urgency.PROTECTION, 100)


def test_the_limit_that_the_exchange_states_counts_for_all(process: Callable[..., ExchangeBudget]) -> None:
    process().reserve(Urgency.ENTRY, 60)
    process().limit(1_000)
    process().reserve(Urgency.ENTRY, 540)


def test_of_many_processes_at_once_exactly_as_many_are_served_as_fit(
    process: Callable[..., ExchangeBudget], migrated_engine: Engine
) -> None:
    budgets = [process() for _ in range(16)]

    def take(budget: ExchangeBudget) -> int:
        served = 0
        for _ in range(10):
            try:
                budget.reserve(Urgency.ENTRY, 3)
                budget._left = 0  # spent
                served += 1
            except ExchangeBudgetError:
                pass
        return served

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(take, budgets)) == 20
    assert used(migrated_engine) == 60


def test_the_row_is_no_convoy(engine_as: EngineAs) -> None:
    """Ticks' reservations and settlements from 16 processes at once, as at the turn of a minute."""
    budgets = [
        ExchangeBudget(partial(session_scope, engine_as("app_worker")), "live-spot", "default", 1_000_000)
        for _ in range(16)
    ]

    def tick(number: int, times: int) -> None:
        for _ in range(times):
            budgets[number].admit(1)
            budgets[number].settle()

    for number in range(16):
        tick(number, 1)  # connects
    began = time.perf_counter()
    with ThreadPoolExecutor(16) as pool:
        for job in [pool.submit(tick, number, 8) for number in range(16)]:
            job.result()
    seconds = time.perf_counter() - began
    print(f"128 ticks in {seconds:.2f} s")
    assert seconds < 5
