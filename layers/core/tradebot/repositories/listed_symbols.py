"""What the API knows of a venue's symbols: the list that the bots' ticks have read and share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A list that no bot has read for a day may lack what was listed since: nothing is refused by it.
_STATUS = text("""
    SELECT coalesce(s.status, '') FROM markets AS m
    LEFT JOIN market_symbols AS s ON s.venue = m.venue AND s.symbol = :symbol
    WHERE m.listed_at > now() - interval '1 day' AND m.venue = concat(coalesce(
        (SELECT k.environment FROM api_keys AS k WHERE k.id = :api_key_id AND k.user_id = :user_id), 'live'),
        '-', CAST(:market AS text))
""")


def find_symbol_status(
    session: Session, user_id: int, *, symbol: str, market: str, api_key_id: int | None
) -> str | None:
    """Return the exchange's word for a symbol's state, "" where it does not list it, None where that is not known."""
    values = {"symbol": symbol, "market": market, "api_key_id": api_key_id, "user_id": user_id}
    found: str | None = session.execute(_STATUS, values).scalar()
    return found
