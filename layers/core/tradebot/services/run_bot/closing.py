"""Leaving a position because its user asked for it, be the bot stopped, paused, killed or in error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.order import ExitReason
from tradebot.engine import tick as engine
from tradebot.services.run_bot.leave import leave
from tradebot.services.run_bot.market_view import price_now
from tradebot.services.run_bot.reconcile import reconcile

if TYPE_CHECKING:
    from tradebot.services.run_bot.context import Tick


def close_position(tick: Tick) -> None:
    """Sell at market what the bot holds, or buy back what it owes. Nothing is fed and nothing else is decided."""
    if tick.memory is None or tick.memory.position is None:
        return
    reconcile(tick)
    if tick.has_nothing_left:
        tick.messages.append(
            "There is nothing to close at the exchange, so nothing was sent and the bot is stopped. Once the account"
            " holds the position again, close it again; or delete the bot with position=keep."
        )
        return
    tick.price = price_now(tick) or tick.memory.last_close or tick.memory.position.entry_price
    memory = engine.drop_entry(tick.memory)
    memory = engine.request_exit(memory, ExitReason.MANUAL, tick.tick_at, tick.price)
    tick.remember(memory)
    decision = engine.decide_exit(memory, tick.parameters, tick.rules)
    assert decision is not None
    leave(tick, decision)
