"""Whether a tick may trade at all: the user's switches and the key's state. No key is decrypted before these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.errors import ExchangeAuthenticationError

if TYPE_CHECKING:
    from tradebot.repositories.leases import Claim


def require_key(claim: Claim) -> None:
    """Raise where the exchange does not accept the bot's key."""
    if not claim.key_is_valid:
        reason = claim.key_check_error or "it has not been checked yet"
        raise ExchangeAuthenticationError(f"The bot's API key cannot be used: {reason}")


def wants_to_trade(claim: Claim) -> bool:
    """Tell whether user and bot are active; where not, the tick only settles what is in doubt."""
    return claim.config.is_active and claim.user_is_active
