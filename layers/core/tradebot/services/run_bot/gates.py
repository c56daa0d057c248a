"""Whether a tick may trade at all: the user's switches and the key's state. No key is decrypted before these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tradebot.errors import ExchangeAuthenticationError

if TYPE_CHECKING:
    from tradebot.clock import MarketClockMode
    from tradebot.repositories.leases import Claim
    from tradebot.services.run_bot.context import Tick


def require_key(claim: Claim) -> None:
    """Raise where the exchange does not accept the bot's key."""
    if not claim.key_is_valid:
        reason = claim.key_check_error or "it has not been checked yet"
        raise ExchangeAuthenticationError(f"The bot's API key cannot be used: {reason}")


def wants_to_trade(claim: Claim) -> bool:
    """Tell whether user and bot are active; where not, the tick only settles what is in doubt."""
    return claim.config.is_active and claim.user_is_active


def is_closing(tick: Tick) -> bool:
    """Tell whether the user wants the position closed, be the bot stopped, paused, killed or in error."""
    return tick.claim.close_requested_at is not None


def is_closed(tick: Tick) -> bool:
    """Tell whether nothing is left to close, and nothing in doubt."""
    position = tick.memory.position if tick.memory is not None else None
    return position is None and not tick.in_doubt


def time_of_unscheduled_tick(claim: Claim, mode: MarketClockMode) -> datetime:
    """Return the market's time for a tick that no schedule named: a market with a clock of its own stood last then."""
    return claim.last_run_at if mode == "tick" and claim.last_run_at is not None else datetime.now(UTC)
