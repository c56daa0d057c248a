"""A bot's symbol, held against the exchange's list as far as the platform has read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.errors import InvalidInputError
from tradebot.repositories.listed_symbols import find_symbol_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

_TRADING = "TRADING"


def require_listed(session: Session, user_id: int, config: Mapping[str, Any], *, trading: bool = False) -> None:
    """Raise InvalidInputError where the exchange is known not to list the symbol, or, if asked, to have halted it.

    Where the list has not been read, the bot's first tick reads it and refuses.
    """
    symbol, market = config["symbol"], config["position_type"]
    status = find_symbol_status(session, user_id, symbol=symbol, market=market, api_key_id=config["api_key_id"])
    if status == "":
        raise InvalidInputError(
            f"The exchange lists no {market} symbol {symbol}. It is written without a separator, like BTCUSDT.",
            field="symbol",
            rule="listed_symbol",
        )
    if trading and status not in {None, _TRADING}:
        raise InvalidInputError(
            f"The exchange does not trade {symbol} now: its status is {status}.", field="symbol", rule="trading_symbol"
        )
