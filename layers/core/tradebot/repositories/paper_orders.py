"""Orders of bots that trade on paper: filled when they are written, in the transaction that stores the bot's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select

from tradebot.models import Fill, Order, Trade

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from tradebot.repositories.leases import Claim

PREFIX = "paper"


def count_paper_trades(session: Session, claim: Claim) -> int:
    """Return how many trades the bot has made on paper so far."""
    own = Trade.binance_order_id.startswith(f"{PREFIX}:{claim.bot_config_id}:", autoescape=True)
    count = session.scalar(
        select(func.count())
        .select_from(Trade)
        .where(Trade.bot_config_id == claim.bot_config_id, Trade.user_id == claim.user_id, own)
    )
    return count or 0


def insert_paper_orders(
    session: Session, rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]
) -> None:
    """Insert each order with its fill and its trade, in order."""
    ids = session.scalars(
        insert(Order).returning(Order.id, sort_by_parameter_order=True), [dict(order) for order, _, _ in rows]
    ).all()
    for model, part in ((Fill, 1), (Trade, 2)):
        session.execute(insert(model), [{**row[part], "order_id": id_} for row, id_ in zip(rows, ids, strict=True)])
