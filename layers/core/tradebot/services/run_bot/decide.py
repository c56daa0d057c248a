"""From memory, market and what happened at the exchange to decisions, by the engine alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING

from tradebot.domain.market import BotStatus
from tradebot.domain.money import ZERO as _ZERO
from tradebot.engine import tick as engine
from tradebot.engine.memory import BotMemory
from tradebot.engine.paper import is_paper
from tradebot.errors import ExchangeBudgetError, ExchangeUnavailableError
from tradebot.exchange.gate import Urgency
from tradebot.services.run_bot.margin import ready_margin
from tradebot.services.run_bot.market_view import has_new_candle, new_candles, price_now, stale_data, warm_up_candles
from tradebot.services.run_bot.protect import resting_levels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.engine.decision import Decision
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
    if tick.parameters.is_futures and memory.position is None:
        # Here, so that its user hears at once what the exchange does not take, and entries have it behind them.
        ready_margin(tick)
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
    is_quiet = memory.position is None and memory.pending_entry is None and not tick.events
    if is_quiet and not has_new_candle(tick):
        tick.status = engine.status(memory, tick.parameters)
        return None
    candles, price = _market_now(tick)
    with tick.all_or_nothing():
        decision = engine.observe(
            memory,
            tick.parameters,
            tick.rules,
            candles,
            events=tick.events,
            resting=resting_levels(tick),
            price_now=price,
            tick_at=tick.tick_at,
            market_now=tick.market_now,
        )
    tick.events.clear()
    tick.remember(decision.memory)
    tick.price = price or decision.memory.last_close
    tick.status = decision.status
    tick.messages += [note.message for note in decision.notes]
    tick.messages += stale_data(tick)
    return decision


def _market_now(tick: Tick) -> tuple[Sequence[Candle], Decimal | None]:
    """Return the new candles and, for a position, the price. Missing data opens nothing and keeps nothing in."""
    assert tick.memory is not None
    try:
        candles, told_price = new_candles(tick)
        is_holding = tick.memory.position is not None or bool(tick.events)
        return candles, _price(tick, told_price) if is_holding else None
    except ExchangeUnavailableError as error:
        if tick.memory.position is None and not tick.events:
            raise
        tick.is_frozen = True
        tick.messages.append(f"The market's data could not be read: {error.message}")
        return (), None


def _price(tick: Tick, told_price: Decimal | None) -> Decimal | None:
    """Return the price, which tests levels that do not rest; where all do, it is left out when requests run short.

    What came with the candles is asked no second time, but on spot, where only that request tells of a halt.
    """
    if told_price is not None and tick.parameters.is_futures:
        return told_price
    levels = resting_levels(tick)
    if levels.stop_price is None or levels.take_profit_price is None:
        return price_now(tick)
    try:
        with tick.budget.at(Urgency.LOOK):
            return price_now(tick)
    except ExchangeBudgetError:
        return None
