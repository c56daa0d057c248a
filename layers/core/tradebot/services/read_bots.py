"""Show a user's bots, their states and their trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tradebot.repositories import bot_configs, bot_states, trades

if TYPE_CHECKING:
    from tradebot.domain.span import Span
    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Page, Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class ReadBots:
    """List and show what exists; nothing here changes anything."""

    sessions: UserSessions

    def configs(self, token: AccessToken, *, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Return a page of the user's configurations, newest first."""
        with self.sessions.of(token) as session:
            return bot_configs.list_bot_configs(session, token.user_id, filters=filters, limit=limit, cursor=cursor)

    def config(self, token: AccessToken, bot_config_id: int) -> Record:
        """Return one configuration. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            return bot_configs.get_bot_config(session, token.user_id, bot_config_id)

    def states(self, token: AccessToken, *, filters: Filters, limit: int, cursor: str | None) -> Page:
        """Return a page of the states of the user's bots, newest bot first."""
        with self.sessions.of(token) as session:
            return bot_states.list_bot_states(session, token.user_id, filters=filters, limit=limit, cursor=cursor)

    def state(self, token: AccessToken, bot_config_id: int) -> Record:
        """Return one state. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            return bot_states.get_bot_state(session, token.user_id, bot_config_id)

    def trades(
        self,
        token: AccessToken,
        *,
        bot_config_id: int | None,
        filters: Filters,
        traded: Span,
        limit: int,
        cursor: str | None,
    ) -> Page:
        """Return a page of trades, newest first, of one bot (raises NotFoundError) or of all."""
        with self.sessions.of(token) as session:
            page = trades.list_trades(
                session,
                token.user_id,
                bot_config_id=bot_config_id,
                filters=filters,
                traded=traded,
                limit=limit,
                cursor=cursor,
            )
            if not page.items and bot_config_id is not None:
                # No trades: either it has none, or there is no such bot.
                bot_configs.require_bot_config(session, token.user_id, bot_config_id)
            return page
