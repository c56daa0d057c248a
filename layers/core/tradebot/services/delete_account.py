"""Delete an account with everything that it owns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tradebot.errors import ConflictError
from tradebot.repositories import bot_configs, users

if TYPE_CHECKING:
    from tradebot.security.tokens import AccessToken
    from tradebot.services.change_account import ConfirmPassword
    from tradebot.services.close_positions import ClosePositions
    from tradebot.services.user_sessions import UserSessions

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class DeleteAccount:
    """Keys, bots, orders, trades, backtests, sessions and the audit log go with it."""

    sessions: UserSessions
    confirm_password: ConfirmPassword
    close_positions: ClosePositions

    def __call__(self, token: AccessToken, *, password: str, position: Literal["keep", "close"] | None = None) -> None:
        """Delete. Raises InvalidInputError (password), or ConflictError while bots trade and nobody chose.

        What is open is left to the user where `position` is `keep`; where it is `close` all begins to be closed, and
        the account stays until it is. A tick that runs ends first: it may be sending an order at this moment.
        """
        self.confirm_password(token, password)
        if position == "close" and (closing := self.close_positions.of_user(token)):
            raise ConflictError(
                f"Positions are being closed at market (bots: {len(closing)}); delete the account when they are."
            )
        with self.sessions.of(token) as session:
            engaged = bot_configs.lock_engaged_bots(session, token.user_id)
            ticking = [bot for bot in engaged if bot.is_ticking]
            if engaged and position != "keep":
                named = ", ".join(f"{bot.id} ({bot.name})" for bot in engaged[:_SHOWN])
                more = f" and {len(engaged) - _SHOWN} more" if len(engaged) > _SHOWN else ""
                raise ConflictError(
                    f"Bots are active, hold a position or have an order that may execute: {named}{more}. Delete with"
                    " position: close to close them first, or with position: keep to leave what is open at the exchange"
                    " to yourself."
                )
            if ticking:
                raise ConflictError("A bot's tick is still running; stop the bot and try again in a few seconds.")
            users.delete_user(session, token.user_id)
