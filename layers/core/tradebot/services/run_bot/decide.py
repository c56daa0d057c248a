"""From memory and market to decisions, by the engine alone; and what a fill or its absence does to the memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tradebot.domain.market import BotStatus
from tradebot.domain.money import ZERO as _ZERO
from tradebot.domain.order import Leg, Side
from tradebot.domain.position import PositionSide
from tradebot.engine import tick as engine
from tradebot.engine.decision import EntryDecision
from tradebot.engine.memory import BotMemory
from tradebot.engine.paper import is_paper
from tradebot.services.run_bot.market_view import has_new_candle, new_candles, warm_up_candles

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.order import Execution
    from tradebot.engine.decision import Decision
    from tradebot.repositories.orders import LiveOrder
    from tradebot.services.run_bot.context import Tick


def load_memory(tick: Tick) -> None:
    """Take the bot's memory from its state, if it has one."""
    stored = tick.claim.strategy_state
    # What a bot did on paper before it was given a key is no part of its account.
    tick.memory = None if stored is None or is_paper(stored) else BotMemory.from_json(stored)


def is_starting(tick: Tick) -> bool:
    """Tell whether this is the first tick since the user started the bot."""
    return tick.memory is None or tick.claim.status is BotStatus.STARTING


def start(tick: Tick) -> None:
    """Warm the indicators up afresh, which trades nothing. Money, position and the day's counters stay."""
    memory = fresh_memory(tick) if tick.memory is None else engine.restart_memory(tick.memory, tick.parameters)
    memory = engine.warm_up(memory, tick.parameters, warm_up_candles(tick))
    tick.remember(memory)
    tick.price = memory.last_close
    tick.actions.append("warmed_up")


def fresh_memory(tick: Tick) -> BotMemory:
    """Return the memory of a bot that starts flat: with its configured capital, else with the quote that is free."""
    balance = tick.parameters.initial_capital
    if balance is None:
        tick.account.synchronise_clock()
        balance = tick.account.free_balances().get(tick.rules.quote_asset, _ZERO)
    return _with_counters_of_today(tick, engine.start_memory(tick.parameters, balance))


def _with_counters_of_today(tick: Tick, memory: BotMemory) -> BotMemory:
    """A stop and a start do not lift the day's limits: what was realised and entered today still counts."""
    last_run_at = tick.claim.last_run_at
    if last_run_at is None or last_run_at.astimezone(UTC).date() != tick.tick_at.date():
        return memory
    return replace(
        memory,
        day=tick.tick_at.date(),
        day_base_equity=memory.balance - tick.claim.daily_pnl,
        daily_pnl=tick.claim.daily_pnl,
        trades_today=tick.claim.daily_trades_count,
    )


def decide(tick: Tick) -> Decision | None:
    """Feed what is new and return the decision; None where nothing can have changed."""
    memory = tick.memory
    assert memory is not None
    is_idle = memory.position is None and memory.pending_entry is None and not has_new_candle(tick)
    if is_idle:
        tick.status = engine.status(memory, tick.parameters)
        return None
    candles = new_candles(tick)
    if memory.position is not None:
        tick.price = tick.market.price(tick.parameters.symbol)
    decision = engine.observe(
        memory,
        tick.parameters,
        tick.rules,
        candles,
        price_now=tick.price,
        tick_at=tick.tick_at,
        market_now=tick.market_now,
    )
    tick.remember(decision.memory)
    tick.price = tick.price or decision.memory.last_close
    tick.status = decision.status
    tick.messages += [note.message for note in decision.notes]
    return decision


def apply_execution(
    tick: Tick, order: LiveOrder, execution: Execution, commission_prices: dict[str, Decimal]
) -> Decimal | None:
    """Book an order's fills in the memory; return what an exit realised, None for an entry."""
    memory = tick.memory
    assert memory is not None
    if order.leg is Leg.ENTRY:
        entry = entry_of(order)
        tick.remember(
            engine.apply_entry(
                memory, tick.parameters, tick.rules, entry, execution, commission_prices=commission_prices
            )
        )
        return None
    memory, realized = engine.apply_exit(memory, tick.rules, execution, commission_prices=commission_prices)
    tick.remember(memory)
    return realized


def entry_of(order: LiveOrder) -> EntryDecision:
    """Return the decision that an entry on record was made for. Its key names the deciding candle's close."""
    close_at = datetime.strptime(order.decision_key.split(":")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return EntryDecision(
        decision_key=order.decision_key,
        side=order.side,
        position_side=PositionSide.LONG if order.side is Side.BUY else PositionSide.SHORT,
        close_at=close_at,
        close=_ZERO,  # its size is decided already
    )
