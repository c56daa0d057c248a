"""Leaves a position at the market: on spot what rests goes first, on futures the order only reduces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO, canonical, exact
from tradebot.domain.order import Leg
from tradebot.engine import tick as engine
from tradebot.errors import ExchangeBudgetError
from tradebot.exchange.gate import Urgency
from tradebot.services.exchange_budget import BALANCE_WEIGHT, EXIT_WEIGHT
from tradebot.services.run_bot.place_order import Draft, place, place_for_sure
from tradebot.services.run_bot.withdraw import locked_coins, withdraw

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.engine.decision import ExitDecision
    from tradebot.services.run_bot.context import Tick


def leave(tick: Tick, decision: ExitDecision, *, protects: bool = False) -> None:
    """Send an exit, as far as nothing in doubt forbids it. `protects`: it stands for a stop that cannot rest."""
    # On spot a second sale could sell another's coins; on futures it can only reduce. The same decision is never
    # sent again before it is known what became of it.
    if any(not decision.reduce_only or order.decision_key == decision.decision_key for order in tick.in_doubt):
        return
    sellable = decision if decision.reduce_only else _sellable(tick)
    if sellable is None:
        return
    decision = sellable
    draft = Draft(
        decision.decision_key,
        Leg.EXIT,
        decision.side,
        decision.quantity,
        decision.reason,
        reduce_only=decision.reduce_only,
    )
    # On spot the stop has gone by now: what is left in doubt is left bare.
    is_bare = not any(order.leg is Leg.STOP for order in tick.resting)
    sent = (place_for_sure if is_bare else place)(tick, draft, protects=protects)
    if sent.refusal is not None:
        if _is_worth_too_little(tick, decision):
            _keep_as_dust(tick)
        else:
            tick.messages.append(f"The exit order was not accepted: {sent.refusal.message}")
    if tick.memory is not None and tick.memory.position is None:
        withdraw(tick, tick.resting)


def _sellable(tick: Tick) -> ExitDecision | None:
    """Free a spot position from what rests; return what can be sold of it now, None where nothing can."""
    if tick.is_market_closed and tick.resting:
        tick.messages.append(
            f"{tick.parameters.symbol} does not trade at the exchange now: the exit waits, and the stop stays where it"
            " rests."
        )
        return None
    # Asked before anything is cancelled: an answer that is missing then leaves the stop where it is.
    tick.account.synchronise_clock()
    coins = _coins_there(tick)
    # Nor is anything cancelled that there would be no request weight left to sell.
    tick.budget.reserve(Urgency.PROTECTION, EXIT_WEIGHT)
    wanted = _decision_now(tick) if withdraw(tick, tick.resting) else None
    if wanted is None:
        return None  # what rests is not known to be gone, or has executed first: that was the exit
    if wanted.quantity < tick.rules.min_qty:
        _keep_as_dust(tick)
        return None
    decision = wanted if coins is None else wanted.capped(coins, tick.rules)
    if decision.quantity < tick.rules.min_qty:
        tick.held_at_most = decision.quantity
        tick.messages.append(
            f"The position cannot be sold: only {canonical(decision.quantity)} {tick.rules.base_asset} of it are "
            "free at the exchange. Were they sold or locked by another order?"
        )
        return None
    return decision


def _coins_there(tick: Tick) -> Decimal | None:
    """Return what can be sold; None where the minute's request weight is short of asking: then the books count."""
    try:
        tick.budget.reserve(Urgency.COMPARISON, BALANCE_WEIGHT)
    except ExchangeBudgetError:
        return None
    with exact():
        return tick.account.free_balances().get(tick.rules.base_asset, ZERO) + locked_coins(tick)


def _decision_now(tick: Tick) -> ExitDecision | None:
    assert tick.memory is not None
    return engine.decide_exit(tick.memory, tick.parameters, tick.rules)


def _is_worth_too_little(tick: Tick, decision: ExitDecision) -> bool:
    """Tell whether the exchange takes no order for so little: on spot alone, an order that only reduces is exempt."""
    if decision.reduce_only or tick.price is None:
        return False
    with exact():
        return decision.quantity * tick.price < tick.rules.min_notional


def _keep_as_dust(tick: Tick) -> None:
    """End what can never be sold by itself, and say what remains."""
    memory, rules = tick.memory, tick.rules
    assert memory is not None
    assert memory.position is not None
    left = canonical(memory.position.quantity)
    tick.remember(engine.keep_as_dust(memory))
    tick.actions.append("kept_as_dust")
    tick.messages.append(
        f"{left} {rules.base_asset} cannot be sold: the exchange takes no order below {canonical(rules.min_qty)}"
        f" {rules.base_asset} or {canonical(rules.min_notional)} {rules.quote_asset}. They stay in the account, and in"
        " the bot's books as dust that goes with its next sale."
    )
