"""A symbol's trading rules (the exchange's filters) with directional rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from tradebot.domain.money import floor_to, times

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """PRICE_FILTER, the LOT_SIZE that market orders obey, and the least notional, all as the exchange states them."""

    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal
    min_notional: Decimal

    def floor_quantity(self, quantity: Decimal | Fraction) -> Decimal:
        """Round a quantity down to the step: never more than we own or can pay."""
        return floor_to(quantity, self.step_size)

    def ticks_below(self, price: Decimal | Fraction) -> int:
        """Return the greatest whole number of ticks not above `price`."""
        return math.floor(Fraction(price) / Fraction(self.tick_size))

    def ticks_above(self, price: Decimal | Fraction) -> int:
        """Return the least whole number of ticks not below `price`."""
        return math.ceil(Fraction(price) / Fraction(self.tick_size))

    def price_of(self, ticks: int) -> Decimal:
        """Return the price that stands at `ticks`."""
        return times(ticks, self.tick_size)


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """A symbol on the exchange's list, with its status there (TRADING, BREAK, HALT, ...)."""

    rules: SymbolRules
    status: str

    @property
    def trades(self) -> bool:
        """Tell whether orders are taken now."""
        return self.status == "TRADING"
