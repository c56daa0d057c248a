"""Whether a symbol trades: what exchangeInfo says of it and what orders are answered where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange.errors import ApiError, invalid_symbol
from infra.local.exchange.instruments import MarketKind

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.state import State

TRADING, DELISTED = "TRADING", "DELISTED"
# Futures that still close positions but open none, and those that do neither.
_CLOSING = frozenset({"PENDING_TRADING", "PRE_SETTLE", "PRE_DELIVERING"})
KNOWN = {
    MarketKind.SPOT: (TRADING, "HALT", "BREAK", "END_OF_DAY", DELISTED),
    MarketKind.FUTURES: (TRADING, *sorted(_CLOSING), "SETTLING", "DELIVERING", "DELIVERED", "CLOSE", DELISTED),
}


def _setting(kind: MarketKind, symbol: str) -> str:
    return f"status:{kind}:{symbol}"


def status_of(state: State, kind: MarketKind, symbol: str) -> str:
    """Return the status of a symbol."""
    return state.settings.get(_setting(kind, symbol), TRADING)


def keep_status(state: State, kind: MarketKind, symbol: str, status: str) -> None:
    """Give a symbol a status."""
    state.set(_setting(kind, symbol), status)


def is_trading(state: State, kind: MarketKind, symbol: str) -> bool:
    """Say whether orders of a symbol can execute at all; a closing contract's can."""
    status = status_of(state, kind, symbol)
    return status == TRADING or status in _CLOSING


def check_spot_status(state: State, instrument: Instrument) -> None:
    """Refuse orders of a symbol that does not trade."""
    status = status_of(state, MarketKind.SPOT, instrument.symbol)
    if status == DELISTED:
        raise invalid_symbol()
    if status != TRADING:
        raise ApiError(-1013, "Market is closed.")


def check_futures_status(state: State, instrument: Instrument, *, reduces: bool) -> None:
    """Refuse orders of a contract that does not trade, and new exposure in one that is closing."""
    status = status_of(state, MarketKind.FUTURES, instrument.symbol)
    if status == TRADING or (reduces and status in _CLOSING):
        return
    if status == DELISTED:
        raise invalid_symbol()
    if status in _CLOSING:
        raise ApiError(-4140, "Invalid symbol status for opening position.")
    raise ApiError(-4141, "Symbol is closed.")
