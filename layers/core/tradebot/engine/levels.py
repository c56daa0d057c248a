"""Stops and take profits in whole ticks, rounded towards the entry. Prices are exact fractions of a tick."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tradebot.domain.money import ONE_MILLION
from tradebot.domain.position import PositionSide

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.position import Position
    from tradebot.domain.symbol import SymbolRules


def stop_ticks(side: PositionSide, price_in_ticks: Fraction | int, ppm: int) -> int:
    """Return the stop `ppm` parts per million against us from a price in ticks."""
    if side is PositionSide.LONG:
        return math.ceil(Fraction(price_in_ticks) * (ONE_MILLION - ppm) / ONE_MILLION)
    return math.floor(Fraction(price_in_ticks) * (ONE_MILLION + ppm) / ONE_MILLION)


def take_profit_ticks(side: PositionSide, price_in_ticks: Fraction | int, ppm: int) -> int:
    """Return the take profit `ppm` parts per million in our favour from a price in ticks."""
    if side is PositionSide.LONG:
        return math.floor(Fraction(price_in_ticks) * (ONE_MILLION + ppm) / ONE_MILLION)
    return math.ceil(Fraction(price_in_ticks) * (ONE_MILLION - ppm) / ONE_MILLION)


def stop_price(side: PositionSide, price: Decimal | Fraction, ppm: int, rules: SymbolRules) -> Decimal:
    """Return the stop's price for an entry (or an extreme) at `price`."""
    return rules.price_of(stop_ticks(side, Fraction(price) / Fraction(rules.tick_size), ppm))


def take_profit_price(side: PositionSide, price: Decimal | Fraction, ppm: int, rules: SymbolRules) -> Decimal:
    """Return the take profit's price for an entry at `price`."""
    return rules.price_of(take_profit_ticks(side, Fraction(price) / Fraction(rules.tick_size), ppm))


def with_extreme(position: Position, price: Decimal, trailing_ppm: int | None, rules: SymbolRules) -> Position:
    """Return the position after `price` was seen: where it is a new extreme, the trailing stop moves, never back."""
    sign = position.side.sign
    if sign * (price - position.extreme_price) <= 0:
        return position
    trailing = position.trailing_stop_price
    if trailing is not None and trailing_ppm is not None:
        moved = stop_price(position.side, price, trailing_ppm, rules)
        trailing = moved if sign * (moved - trailing) > 0 else trailing
    return replace(position, extreme_price=price, trailing_stop_price=trailing)
