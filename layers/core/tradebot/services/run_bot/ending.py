"""How a tick ends: the status and message that its user sees, and when the bot is due again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tradebot.domain.market import BotStatus
from tradebot.errors import ExchangeThrottledError, MarketClosedError, TradeBotError
from tradebot.services.run_bot.gates import is_closed, is_closing, is_watched, wants_to_trade
from tradebot.services.run_bot.protect import is_protected

if TYPE_CHECKING:
    from tradebot.services.run_bot.context import Tick

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
#: How often a bot is looked at that does not trade and still holds a position, or has an order that rests.
WATCH_SECONDS = 15 * 60
_DEFECT = "This tick stopped at an internal error, which is logged; the next one tries again."


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written when the lease is given back."""

    outcome: str
    status: BotStatus
    next_run_at: datetime | None
    message: str | None

    @property
    def ends_closing(self) -> bool:
        """Whether the position is closed, or cannot be: either way it is not tried again by itself."""
        return self.status in {BotStatus.STOPPED, BotStatus.ERROR}


def next_run_at(tick_at: datetime, check_interval_seconds: int) -> datetime:
    """Return the next tick after `tick_at` on the grid of the interval, in whole minutes, counted from 1970.

    A bot that was started in mid-interval meets the closes of its candles from the second tick on.
    """
    interval = max(1, math.ceil(check_interval_seconds / 60)) * _MINUTE
    return _EPOCH + ((tick_at - _EPOCH) // interval + 1) * interval


def ending_of(tick: Tick) -> Ending:
    """Return how a tick ends that did what it came for."""
    message = " ".join(tick.messages) or None
    due_again_at = next_run_at(tick.tick_at, 60 if _is_urgent(tick) else tick.parameters.check_interval_seconds)
    if wants_to_trade(tick.claim):
        return Ending("short" if tick.ran_short else "done", tick.status, due_again_at, message)
    if is_closing(tick) and not is_closed(tick):
        return Ending("closing", BotStatus.STOPPING, next_run_at(tick.tick_at, 60), message)
    if tick.paper is None and (tick.in_doubt or not is_protected(tick)):
        return Ending("settling", BotStatus.STOPPING, due_again_at, message)
    holds = _holds(tick)
    watched_at = next_run_at(tick.tick_at, WATCH_SECONDS) if holds else None
    if tick.claim.status is BotStatus.ERROR and not is_closing(tick):
        # What went wrong is for its user to see until he starts or stops the bot.
        return Ending("watched", BotStatus.ERROR, watched_at, message or tick.claim.last_error_message)
    return Ending("watched" if holds else "stopped", BotStatus.STOPPED, watched_at, message)


def ending_of_failure(tick: Tick, error: Exception) -> Ending:
    """Return how a tick ends that met an error: one that passes is tried again, another one stops the bot."""
    claim = tick.claim
    # A tick that fails may not have asked for every order on record.
    watched_at = next_run_at(tick.tick_at, WATCH_SECONDS) if _holds(tick) or claim.live_orders else None
    due_again_at = watched_at if is_watched(claim) else None
    due_again_at = due_again_at or next_run_at(
        tick.tick_at, 60 if _is_urgent(tick) else claim.config.check_interval_seconds
    )
    if not isinstance(error, TradeBotError):
        return Ending("failed", claim.status, due_again_at, _DEFECT)
    message = " ".join([*tick.messages, error.message])
    if isinstance(error, MarketClosedError) and watched_at is not None:
        return Ending("deferred", claim.status, due_again_at, message)
    if not error.retryable:
        return Ending("error", BotStatus.ERROR, watched_at, message)
    if isinstance(error, ExchangeThrottledError):
        allowed_at = tick.tick_at + timedelta(seconds=error.retry_after_seconds)
        due_again_at = max(due_again_at, next_run_at(allowed_at, 60))
    return Ending("deferred", claim.status, due_again_at, message)


def _is_urgent(tick: Tick) -> bool:
    """Tell whether what is left undone waits for no interval: an order in doubt, a position without its stop."""
    return tick.paper is None and (tick.ran_short or bool(tick.in_doubt) or not is_protected(tick))


def _holds(tick: Tick) -> bool:
    """Tell whether something is left to look after."""
    position = tick.claim.in_position if tick.memory is None else tick.memory.position is not None
    return position or bool(tick.resting or tick.in_doubt)
