"""Show what a bot did at the exchange: its orders with their fills, its transfers, what reconciliations found."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tradebot.repositories import bot_configs, order_history, transfers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tradebot.domain.span import Span
    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Page, Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Orders, each with what its fills add up to, and the cursor of the page after them."""

    items: Sequence[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class ReadHistory:
    """Lists of one bot, newest first; nothing here changes anything."""

    sessions: UserSessions

    def orders(
        self,
        token: AccessToken,
        bot_config_id: int,
        *,
        filters: Filters,
        recorded: Span,
        limit: int,
        cursor: str | None,
    ) -> OrderPage:
        """Return a page of orders. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            page = order_history.list_orders(
                session,
                token.user_id,
                bot_config_id,
                filters=filters,
                recorded=recorded,
                limit=limit,
                cursor=cursor,
            )
            _require_bot(session, token.user_id, bot_config_id, page)
            executed = [order.id for order in page.items if order.executed_qty]
            sums = order_history.sum_fills(session, token.user_id, executed) if executed else ()
        fills = {order_id: _fills(list(rows)) for order_id, rows in groupby(sums, lambda row: int(row.order_id))}
        items = [{**order._asdict(), "fills": fills.get(order.id)} for order in page.items]
        return OrderPage(items, page.next_cursor)

    def transfers(self, token: AccessToken, bot_config_id: int, *, limit: int, cursor: str | None) -> Page:
        """Return a page of transfers. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            page = transfers.list_transfers(session, token.user_id, bot_config_id, limit=limit, cursor=cursor)
            _require_bot(session, token.user_id, bot_config_id, page)
            return page

    def findings(
        self, token: AccessToken, bot_config_id: int, *, is_open: bool, limit: int, cursor: str | None
    ) -> Page:
        """Return a page of findings, of those that are still open where `is_open`. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            page = order_history.list_findings(
                session, token.user_id, bot_config_id, is_open=is_open, limit=limit, cursor=cursor
            )
            _require_bot(session, token.user_id, bot_config_id, page)
            return page


def _require_bot(session: Session, user_id: int, bot_config_id: int, page: Page) -> None:
    """Nothing found: either there is nothing, or there is no such bot."""
    if not page.items:
        bot_configs.require_bot_config(session, user_id, bot_config_id)


def _fills(rows: Sequence[Record]) -> dict[str, Any]:
    return {
        "count": sum(row.count for row in rows),
        "quantity": sum(row.quantity for row in rows),
        "quote_quantity": sum(row.quote_quantity for row in rows),
        "commissions": [{"asset": row.commission_asset, "amount": row.commission} for row in rows],
        "first_at": min(row.first_at for row in rows),
        "last_at": max(row.last_at for row in rows),
    }
