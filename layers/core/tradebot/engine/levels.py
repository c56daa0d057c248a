"""Stops and take profits in whole ticks, rounded towards the entry. Prices are exact fractions of a tick."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tradebot.domain.money import ONE_MILLION
from tradebot.domain.order import Side
from tradebot.domain.position import PositionSide

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.position import Position
    from tradebot.domain.symbol import SymbolRules


def stop_ticks(side: PositionSide, price: Fraction | int, ppm: int, per_tick: int = 1) -> int:
    """Return the stop `ppm` parts per million against us from a price of which a tick holds `per_tick`."""
    if side is PositionSide.LONG:
        return _lowered(price, ppm, per_tick)
    return _raised(price, ppm, per_tick)


def take_profit_ticks(side: PositionSide, price: Fraction | int, ppm: int, per_tick: int = 1) -> int:
    """Return the take profit `ppm` parts per million in our favour from a price of which a tick holds `per_tick`."""
    if side is PositionSide.LONG:
        return _raised(price, ppm, per_tick)
    return _lowered(price, ppm, per_tick)


def market_fill_ticks(side: Side, price: Fraction | int, slippage_ppm: int, per_tick: int = 1) -> int:
    """Return what a market order pays or gets where the market stands at `price`: rounded against us."""
    if side is Side.BUY:
        return -(-price.numerator * (ONE_MILLION + slippage_ppm) // (price.denominator * per_tick * ONE_MILLION))
    return price.numerator * (ONE_MILLION - slippage_ppm) // (price.denominator * per_tick * ONE_MILLION)


def _lowered(price: Fraction | int, ppm: int, per_tick: int) -> int:
    """ceil(price x (1 - ppm)), in ticks."""
    return -(-price.numerator * (ONE_MILLION - ppm) // (price.denominator * per_tick * ONE_MILLION))


def _raised(price: Fraction | int, ppm: int, per_tick: int) -> int:
    """floor(price x (1 + ppm)), in ticks."""
    return price.numerator * (ONE_MILLION + ppm) // (price.denominator * per_tick * ONE_MILLION)


def liquidation_ticks(
    side: PositionSide,
    *,
    entry_quote: Fraction | Decimal,
    quantity: Fraction | Decimal,
    funding: Fraction | Decimal,
    leverage: int,
    maintenance_ppm: int,
    maintenance_amount: Decimal,
    tick_size: Decimal,
) -> int:
    """Return where an isolated position is liquidated, in ticks towards the entry.

    With W = entry value / leverage + funding so far: long (value - W - a) / (quantity (1 - m)), short (value + W + a) /
    (quantity (1 + m)).
    """
    value, sign = Fraction(entry_quote), side.sign
    backing = value / leverage + Fraction(funding) + Fraction(maintenance_amount)
    per_unit = Fraction(quantity) * Fraction(tick_size) * (ONE_MILLION - sign * maintenance_ppm)
    ticks = (value - sign * backing) * ONE_MILLION / per_unit
    return math.ceil(ticks) if side is PositionSide.LONG else math.floor(ticks)


def stop_price(side: PositionSide, price: Decimal | Fraction, ppm: int, rules: SymbolRules) -> Decimal:
    """Return the stop's price for an entry (or an extreme) at `price`."""
    units, per_tick = _in_units(price, rules)
    return rules.price_of(stop_ticks(side, units, ppm, per_tick))


def take_profit_price(side: PositionSide, price: Decimal | Fraction, ppm: int, rules: SymbolRules) -> Decimal:
    """Return the take profit's price for an entry at `price`."""
    units, per_tick = _in_units(price, rules)
    return rules.price_of(take_profit_ticks(side, units, ppm, per_tick))


def _in_units(price: Decimal | Fraction, rules: SymbolRules) -> tuple[int, int]:
    """Return the price as an integer, and how many of its units make a tick."""
    a, b = price.as_integer_ratio()
    c, d = rules.tick_size.as_integer_ratio()
    return a * d, b * c


def with_extreme(
    position: Position, price: Decimal, trailing_ppm: int | None, rules: SymbolRules, open_time: datetime | None
) -> Position:
    """Return the position after a candle showed `price`: a new extreme moves the trailing stop, never back.

    `open_time`: the candle's.
    """
    sign = position.side.sign
    if sign * (price - position.extreme_price) <= 0:
        return position
    trailing = position.trailing_stop_price
    if trailing is not None and trailing_ppm is not None:
        moved = stop_price(position.side, price, trailing_ppm, rules)
        trailing = moved if sign * (moved - trailing) > 0 else trailing
    seen = replace(position, extreme_price=price, trailing_stop_price=trailing)
    return replace(seen, trailing_since=open_time) if seen.stop[1] is not position.stop[1] else seen
