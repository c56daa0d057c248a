"""Delete an account with everything that it owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.errors import ConflictError
from tradebot.repositories import bot_configs, users

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.change_account import ConfirmPassword
    from tradebot.services.user_sessions import UserSessions

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Keys, bots, orders, trades, backtests, sessions and the audit log go with it."""

    sessions: UserSessions
    confirm_password: ConfirmPassword

    def __call__(self, token: AccessToken, *, password: str, leaves_positions: bool) -> None:
        """Delete. Raises InvalidInputError (password), or ConflictError while bots trade and that is not left so.

        A tick that runs ends first, whatever was chosen: it may be sending an order at this moment.
        """
        self.confirm_password(token, password)
        with self.sessions.of(token) as session:
            engaged = bot_configs.lock_engaged_bots(session, token.user_id)
            ticking = [bot for bot in engaged if bot.is_ticking]
            if engaged and not leaves_positions:
                named = ", ".join(f"{bot.id} ({bot.name})" for bot in engaged[:_SHOWN])
                more = f" and {len(engaged) - _SHOWN} more" if len(engaged) > _SHOWN else ""
                raise ConflictError(
                    f"Bots are active, hold a position or have an order that may execute: {named}{more}. Stop them and"
                    " close their positions first, or delete with open_positions: leave, which leaves what is open at"
                    " the exchange to you."
                )
            if ticking:
                raise ConflictError("A bot's tick is still running; stop the bot and try again in a few seconds.")
            users.delete_user(session, token.user_id)
