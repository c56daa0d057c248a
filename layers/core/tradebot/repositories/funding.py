"""Funding settlements that bots have booked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from tradebot.models import Funding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from tradebot.repositories.leases import Claim


def find_booked_funding(session: Session, claim: Claim, since: datetime) -> dict[str, datetime]:
    """Return the settlements since then that the bot has booked: when each was paid, by its transaction id."""
    rows = session.execute(
        select(Funding.transaction_id, Funding.paid_at).where(
            Funding.bot_config_id == claim.bot_config_id, Funding.user_id == claim.user_id, Funding.paid_at >= since
        )
    )
    return {row.transaction_id: row.paid_at for row in rows}


def insert_funding(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert settlements. One that is there already was booked already: the caller's transaction has to fail."""
    if rows:
        session.execute(insert(Funding), [dict(row) for row in rows])
