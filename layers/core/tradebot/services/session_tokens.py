"""The pair of tokens that a session consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

from tradebot.repositories.refresh_tokens import IDLE
from tradebot.security.tokens import LIFETIME_SECONDS


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """What a login or a refresh hands out. Neither token is shown."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int = LIFETIME_SECONDS
    refresh_expires_in: int = int(IDLE.total_seconds())
