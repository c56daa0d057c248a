"""From a decision to its orders: the exit first, then an entry that the balance after it can pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO
from tradebot.domain.order import Leg
from tradebot.engine.sizing import EntrySize, size_entry
from tradebot.engine.tick import drop_entry
from tradebot.errors import ExchangeBudgetError
from tradebot.exchange.gate import Urgency
from tradebot.observability import measure_milliseconds
from tradebot.services.exchange_budget import ENTRY_WEIGHT
from tradebot.services.run_bot.leave import leave
from tradebot.services.run_bot.margin import ready_margin
from tradebot.services.run_bot.place_order import Draft, place
from tradebot.services.run_bot.transfer import top_up
from tradebot.services.run_bot.withdraw import withdraw

if TYPE_CHECKING:
    from tradebot.engine.decision import Decision, EntryDecision
    from tradebot.services.run_bot.context import Tick


def act(tick: Tick, decision: Decision) -> None:
    """Send what was decided, as far as nothing in doubt forbids it. Raise LeaseLostError where it may not be sent."""
    if decision.exit is not None:
        leave(tick, decision.exit)
    if decision.entry is not None and tick.failure is None:
        _enter(tick, decision.entry)


def _enter(tick: Tick, decision: EntryDecision) -> None:
    memory = tick.memory
    assert memory is not None
    if tick.claim.kill_switch is not None:
        tick.remember(drop_entry(memory))
        return
    if tick.in_doubt or tick.is_frozen or memory.position is not None:
        return
    # Of a futures position that one leg has just ended, the other one is still there.
    if not withdraw(tick, tick.resting) or tick.is_frozen:
        return
    try:
        tick.budget.reserve(Urgency.ENTRY, ENTRY_WEIGHT)
    except ExchangeBudgetError as error:
        tick.messages.append(error.message)
        tick.actions.append("entry_shed")
        return
    account = tick.account
    account.synchronise_clock()
    margin = ready_margin(tick) if tick.parameters.is_futures else None
    if tick.parameters.is_futures and margin is None:
        return
    free = (account.free_balances() if margin is None else margin.free).get(tick.rules.quote_asset, ZERO)
    if top_up(tick, decision, free):
        free = account.free_balances().get(tick.rules.quote_asset, ZERO)
    cap = None if margin is None else margin.notional_cap
    size = size_entry(memory, tick.parameters, tick.rules, decision, free_quote=free, notional_cap=cap)
    if not isinstance(size, EntrySize):
        tick.messages.append(size.message)
        tick.remember(drop_entry(memory))
        return
    measure_milliseconds("EntryDelay", (tick.market_now - decision.close_at).total_seconds() * 1000)
    sent = place(tick, Draft(decision.decision_key, Leg.ENTRY, decision.side, size.quantity, decision.reason))
    if sent.refusal is not None:
        tick.messages.append(f"The entry order was not accepted: {sent.refusal.message}")
        if tick.memory is not None:
            tick.remember(drop_entry(tick.memory))
