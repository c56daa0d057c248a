"""Binance's filters of the symbols that people test most, and a guess for the others that says that it is one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tradebot.domain.market import MarketType
from tradebot.domain.symbol import SymbolRules

if TYPE_CHECKING:
    from pathlib import Path

_SYMBOL_IN_NAME: Final = re.compile(r"^([A-Z0-9]{5,20})(?:_[0-9]{6})?-")
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")
#: Tick size, step size (also the least quantity), greatest quantity of a market order, least notional.
_KNOWN: Final[dict[tuple[MarketType, str], tuple[str, str, str, str]]] = {
    (MarketType.SPOT, "BTCUSDT"): ("0.01", "0.00001", "120", "5"),
    (MarketType.SPOT, "ETHUSDT"): ("0.01", "0.0001", "3000", "5"),
    (MarketType.SPOT, "BNBUSDT"): ("0.01", "0.001", "20000", "5"),
    (MarketType.SPOT, "SOLUSDT"): ("0.01", "0.001", "40000", "5"),
    (MarketType.FUTURES, "BTCUSDT"): ("0.1", "0.001", "120", "100"),
    (MarketType.FUTURES, "ETHUSDT"): ("0.01", "0.001", "2000", "20"),
    (MarketType.FUTURES, "BNBUSDT"): ("0.01", "0.01", "2000", "5"),
    (MarketType.FUTURES, "SOLUSDT"): ("0.01", "0.01", "5000", "5"),
}
#: Of symbols that are not known.
_MIN_NOTIONAL: Final = Decimal(5)
_MAX_QTY: Final = Decimal(9_000_000)
#: Decimals that a price and a quantity may have together (`Units`).
_MOST_DECIMALS: Final = 12


def symbol_in(path: Path) -> str | None:
    """Return the symbol of a file that is named as Binance names them: BTCUSDT-1m-2023-03.csv."""
    match = _SYMBOL_IN_NAME.match(path.name)
    return match.group(1) if match else None


def known_rules(market: MarketType, symbol: str) -> SymbolRules | None:
    """Return Binance's filters, None where they are not known here."""
    found = _KNOWN.get((market, symbol))
    if found is None:
        return None
    tick, step, most, notional = map(Decimal, found)
    return SymbolRules(symbol, *split(symbol), tick, step, step, most, notional)


def guessed_rules(symbol: str, price_decimals: int, price: Decimal) -> SymbolRules:
    """Return filters for prices of so many decimals around `price`: a lot is worth about one unit of quote or less."""
    lots = min(max(0, price.adjusted() + 1), _MOST_DECIMALS - price_decimals)
    step = Decimal(1).scaleb(-lots)
    return SymbolRules(symbol, *split(symbol), Decimal(1).scaleb(-price_decimals), step, step, _MAX_QTY, _MIN_NOTIONAL)


def split(symbol: str) -> tuple[str, str]:
    """Return base and quote asset."""
    for quote in _QUOTES:
        if symbol.endswith(quote) and symbol != quote:
            return symbol.removesuffix(quote), quote
    return symbol, "quote"
