"""From a decision to its orders: the exit first, then an entry that the balance after it can pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO, canonical
from tradebot.domain.order import Leg
from tradebot.engine.sizing import EntrySize, size_entry
from tradebot.engine.tick import drop_entry
from tradebot.errors import ExchangeBudgetError, LeaseLostError
from tradebot.exchange.gate import Urgency
from tradebot.observability import measure_milliseconds
from tradebot.repositories.orders import has_entered_since_start
from tradebot.services.exchange_budget import ENTRY_WEIGHT
from tradebot.services.run_bot.place_order import place_order

if TYPE_CHECKING:
    from tradebot.engine.decision import Decision, EntryDecision, ExitDecision
    from tradebot.services.run_bot.context import Tick


def act(tick: Tick, decision: Decision) -> None:
    """Send what was decided, as far as nothing in doubt forbids it."""
    try:
        if decision.exit is not None:
            _leave(tick, decision.exit)
        if decision.entry is not None and tick.failure is None:
            _enter(tick, decision.entry)
    except LeaseLostError as error:
        tick.messages.append(error.message)


def _leave(tick: Tick, decision: ExitDecision) -> None:
    # On spot a second sale could sell another's coins; on futures it can only reduce. The same decision is never
    # sent again before it is known what became of it.
    if any(not decision.reduce_only or order.decision_key == decision.decision_key for order in tick.in_doubt):
        return
    if not decision.reduce_only:
        tick.account.synchronise_clock()
        free = tick.account.free_balances().get(tick.rules.base_asset, ZERO)
        decision = decision.capped(free, tick.rules)
    if decision.quantity < tick.rules.min_qty:
        tick.messages.append(
            f"The position cannot be sold: only {canonical(decision.quantity)} {tick.rules.base_asset} of it are free "
            "at the exchange. Were they sold or locked by another order?"
        )
        return
    place_order(tick, decision, Leg.EXIT, decision.quantity)


def _enter(tick: Tick, decision: EntryDecision) -> None:
    memory = tick.memory
    assert memory is not None
    if tick.in_doubt or memory.position is not None:
        return
    try:
        tick.budget.reserve(Urgency.ENTRY, ENTRY_WEIGHT)
    except ExchangeBudgetError as error:
        tick.messages.append(error.message)
        tick.actions.append("entry_shed")
        return
    account = tick.account
    account.synchronise_clock()
    free = account.free_balances().get(tick.rules.quote_asset, ZERO)
    size = size_entry(memory, tick.parameters, tick.rules, decision, free_quote=free)
    if not isinstance(size, EntrySize):
        tick.messages.append(size.message)
        tick.remember(drop_entry(memory))
        return
    if tick.parameters.is_futures:
        _prepare(tick)
    measure_milliseconds("EntryDelay", (tick.market_now - decision.close_at).total_seconds() * 1000)
    place_order(tick, decision, Leg.ENTRY, size.quantity)


def _prepare(tick: Tick) -> None:
    with tick.open_session(tick.claim.user_id) as session:
        is_prepared = has_entered_since_start(session, tick.claim)
    if not is_prepared:
        tick.account.prepare_symbol(tick.parameters.symbol, tick.parameters.leverage)
