"""What may leave for the exchange: exact texts, on the symbol's grid, under a client id of ours.

Rounding is done where its direction is known, before; what is off the grid here was never rounded, so it is not sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tradebot.domain.money import canonical
from tradebot.errors import OrderRejectedError

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.symbol import SymbolRules

#: The stricter of the two markets' alphabets (futures also allows `.`, `:` and `/`).
_CLIENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,36}")


def client_id(value: str) -> str:
    """Return a client id of the exchange's alphabet; without one ccxt would invent an id that we could not query."""
    if not _CLIENT_ID.fullmatch(value):
        raise OrderRejectedError(f"nothing was sent: {value!r} is no client id that the exchange takes")
    return value


def quantity(value: Decimal, rules: SymbolRules | None) -> str:
    """Return a quantity's text, without exponent."""
    return _on_grid(value, rules.step_size if rules else None, "quantity")


def price(value: Decimal | None, rules: SymbolRules | None) -> str:
    """Return a price's text, without exponent."""
    if value is None:
        raise OrderRejectedError("nothing was sent: this type of order needs a price")
    return _on_grid(value, rules.tick_size if rules else None, "price")


def _on_grid(value: Decimal, unit: Decimal | None, name: str) -> str:
    if not (value.is_finite() and value > 0):
        raise OrderRejectedError(f"nothing was sent: {value} is no {name}")
    if unit is not None:
        a, b = value.as_integer_ratio()
        c, d = unit.as_integer_ratio()
        if a * d % (b * c):
            raise OrderRejectedError(
                f"nothing was sent: the {name} {canonical(value)} is no multiple of {canonical(unit)}"
            )
    return canonical(value)
