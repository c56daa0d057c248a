"""Tell a user that a backtest has ended, in the transaction that stores its end; whoever calls asks for sending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tradebot.domain.message import MessageKind
from tradebot.repositories.outbox import Message, add_events

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def tell(
    session: Session, user_id: int, backtest_id: int, status: Literal["succeeded", "failed"], **facts: str | None
) -> None:
    """Add the message."""
    payload = {"backtest_id": backtest_id, "status": status, **facts}
    add_events(session, user_id, [Message(MessageKind.BACKTEST_READY, f"backtest:{backtest_id}", payload)])
