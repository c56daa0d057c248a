"""One tick of one bot from lease to lease: claim, recover, look, decide, order, record."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tradebot.clock import market_clock
from tradebot.errors import LeaseLostError, TradeBotError
from tradebot.exchange.gate import Urgency
from tradebot.observability import bind, count, logger, measure_milliseconds
from tradebot.repositories.leases import AT_ONCE, claim_bot
from tradebot.services.run_bot.book import book_events
from tradebot.services.run_bot.closing import close_position
from tradebot.services.run_bot.context import Tick
from tradebot.services.run_bot.decide import decide, fresh_memory, is_starting, load_memory, start
from tradebot.services.run_bot.ending import ending_of, ending_of_failure
from tradebot.services.run_bot.funding import read_funding
from tradebot.services.run_bot.gates import is_closing, require_key, time_of_unscheduled_tick, wants_to_trade
from tradebot.services.run_bot.liquidation import adopt_liquidation
from tradebot.services.run_bot.orders import act
from tradebot.services.run_bot.paper import trade_on_paper, trades_on_paper
from tradebot.services.run_bot.protect import protect
from tradebot.services.run_bot.reconcile import reconcile
from tradebot.services.run_bot.record import finish
from tradebot.services.run_bot.recover import recover_orders
from tradebot.services.run_bot.steps import no_step
from tradebot.services.run_bot.tell import tell
from tradebot.services.run_bot.transfer import recover_transfers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tradebot.clock import MarketClockMode
    from tradebot.services.run_bot.context import Exchanges
    from tradebot.services.run_bot.steps import Step
    from tradebot.services.user_sessions import OpenSession


def no_request() -> None:
    """Leave the sending to the next scheduled run."""


class Counter(Protocol):
    """Counts statements."""

    count: int


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick did.

    `busy`: another one holds the bot, or it is not due; that is a success.
    `short`: time or lease ended before all was sent; the bot is due again in a minute.
    """

    outcome: str
    actions: tuple[str, ...] = ()
    statements: int = 0
    requests: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class RunBot:
    """Run one tick of one bot."""

    open_session: OpenSession
    exchanges: Exchanges
    clock_mode: MarketClockMode
    statements: Counter
    #: Called after a tick that told its user something.
    request_mail: Callable[[], None] = no_request
    step: Step = no_step
    sleep: Callable[[float], None] = time.sleep

    def __call__(
        self, *, bot_config_id: int, user_id: int, tick_at: datetime | None, remaining_ms: Callable[[], int]
    ) -> TickReport:
        """Return what was done. Errors that pass or that the user has to mend end in the bot's state, defects raise.

        `tick_at` is market time, None for a tick between two scheduled ones, of a bot that is due at once;
        `remaining_ms` says how much time the function still has.
        """
        bind(bot_config_id=bot_config_id, tick_at=None if tick_at is None else tick_at.isoformat())
        began = time.perf_counter()
        statements = self.statements.count
        waited_ms, waited_for_others_ms = self.exchanges.waited_ms(), self.exchanges.waited_for_others_ms()
        requests, weight = self.exchanges.request_count(), self.exchanges.weight()
        outcome, actions = self._run(bot_config_id, user_id, tick_at, remaining_ms)
        report = TickReport(
            outcome,
            tuple(actions),
            self.statements.count - statements,
            self.exchanges.request_count() - requests,
            self.exchanges.weight() - weight,
        )
        milliseconds = (time.perf_counter() - began) * 1000
        measure_milliseconds("TickDuration", milliseconds)
        if tick_at is not None:
            measure_milliseconds("TickAge", self._age_ms(tick_at))
        count("TicksBusy" if outcome == "busy" else "TicksDone")
        _count_orders(actions)
        logger().info(
            "tick",
            outcome=outcome,
            actions=actions,
            milliseconds=round(milliseconds, 1),
            waited_ms=round(self.exchanges.waited_ms() - waited_ms, 1),
            waited_for_others_ms=round(self.exchanges.waited_for_others_ms() - waited_for_others_ms, 1),
            statements=report.statements,
            requests=report.requests,
            weight=report.weight,
        )
        return report

    def _age_ms(self, tick_at: datetime) -> float:
        """Return how long after its minute the tick was done."""
        return (market_clock(self.clock_mode, tick_at).market_now() - tick_at).total_seconds() * 1000

    def _run(
        self, bot_config_id: int, user_id: int, tick_at: datetime | None, remaining_ms: Callable[[], int]
    ) -> tuple[str, list[str]]:
        with self.open_session(user_id) as session:
            claim = claim_bot(session, user_id, bot_config_id, tick_at or AT_ONCE)
            self.step("claim.commit")
        self.step("claim.committed")
        if claim is None:
            return "busy", []
        tick_at = tick_at or time_of_unscheduled_tick(claim, self.clock_mode)
        tick = Tick(
            claim,
            tick_at,
            market_clock(self.clock_mode, tick_at).market_now(),
            self.exchanges,
            self.open_session,
            remaining_ms,
            self.step,
            self.sleep,
        )
        failure: Exception | None = None
        try:
            _trade(tick)
            ending = ending_of(tick)
        except Exception as error:  # noqa: BLE001  the bot is told and given back; a defect goes on to Lambda below
            failure = error
            ending = ending_of_failure(tick, error)
        is_defect = failure is not None and not isinstance(failure, TradeBotError)
        if is_defect:
            logger().error("tick failed", exc_info=failure)
        self.exchanges.settle()
        try:
            tell(tick, ending, failure)
            finish(tick, ending)
        except LeaseLostError:
            return "lease_lost", tick.actions
        if tick.has_told:
            self.request_mail()
        if failure is not None and is_defect:
            raise failure
        return ending.outcome, tick.actions


def _count_orders(actions: list[str]) -> None:
    """Count orders by how they ended."""
    for action in actions:
        _, _, status = action.partition(":")
        if status:
            count(f"Orders{status.title().replace('_', '')}")


def _trade(tick: Tick) -> None:
    """Do what is due. Nothing is decided while the gates are closed, but an order in doubt is settled in any case."""
    if tick.claim.kill_switch is not None:
        tick.messages.append(tick.claim.kill_switch.message)
    if trades_on_paper(tick):
        with tick.budget.at(Urgency.ENTRY):
            trade_on_paper(tick)
        return
    require_key(tick.claim)
    load_memory(tick)
    _recover(tick)
    if tick.parameters.is_futures:
        adopt_liquidation(tick)
        read_funding(tick)
    try:
        _act_for_the_user(tick)
    except LeaseLostError as error:
        tick.messages.append(error.message)
    except Exception as error:  # noqa: BLE001  whatever it is, a position is not left without its stop for it
        tick.failure = tick.failure or error
    book_events(tick)
    _leave_protected(tick)
    if tick.failure is not None:
        raise tick.failure


def _recover(tick: Tick) -> None:
    """Find out what became of what an earlier tick left in doubt."""
    if tick.claim.live_orders:
        if tick.memory is None:
            tick.remember(fresh_memory(tick))
        recover_orders(tick)
    tick.knows_orders = True
    recover_transfers(tick)


def _act_for_the_user(tick: Tick) -> None:
    """Close the position where its user wishes that, else trade where the bot is active, else look after it."""
    if is_closing(tick):
        book_events(tick)
        close_position(tick)
    elif wants_to_trade(tick.claim):
        _decide_and_act(tick)
    else:
        reconcile(tick)


def _decide_and_act(tick: Tick) -> None:
    # A bot that holds nothing goes without in a minute that runs short.
    with tick.budget.at(Urgency.PROTECTION if tick.is_holding else Urgency.ENTRY):
        reconcile(tick)
        if is_starting(tick):
            book_events(tick)
            start(tick)
        decision = decide(tick)
    if decision is not None:
        act(tick, decision)


def _leave_protected(tick: Tick) -> None:
    """Let no position be without its stop at the end, and no stop without a position."""
    try:
        protect(tick)
    except LeaseLostError as error:
        # Neither the user nor a kill switch keeps a stop from being sent: too little is left of the lease.
        tick.ran_short = True
        tick.messages.append(error.message)
