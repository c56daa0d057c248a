"""How much an entry buys or sells. The fill is not known when an order is made, so the deciding close stands for it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tradebot.domain.money import FEE_UNIT, ONE_MILLION, canonical, ceil_to, fee_against_us
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import stop_price
from tradebot.engine.notes import Note, NoteCode
from tradebot.engine.parameters import DEFAULT_SIZE

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.decision import EntryDecision
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.parameters import Parameters

#: Part of the free balance that an entry may use: the price moves between the decision and the fill.
USABLE: Final = Fraction(99, 100)
#: Least value of the protective stop, as a multiple of min_notional.
NOTIONAL_SPARE: Final = Fraction(101, 100)


@dataclass(frozen=True, slots=True)
class EntrySize:
    """`quantity` in base, on the step; `quote` is what it costs at the deciding close (futures: the margin)."""

    quantity: Decimal
    quote: Decimal


def size_entry(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    entry: EntryDecision,
    *,
    free_quote: Decimal,
    taker_ppm: int | None = None,
    notional_cap: Decimal | None = None,
) -> EntrySize | Note:
    """Return the size of an entry, or why there is none. `free_quote` is free (futures: available) at the exchange.

    `taker_ppm` is the account's taker rate, where it is known; else the default of the market. `notional_cap` is what
    the exchange's leverage bracket allows, where it is known.
    """
    taker = Fraction(parameters.fees.taker_ppm if taker_ppm is None else taker_ppm, ONE_MILLION)
    leverage = parameters.leverage
    cap = USABLE * Fraction(free_quote)
    if parameters.is_futures:
        cap /= 1 + leverage * taker
    size = min(_wanted_quote(memory, parameters), cap)
    if size <= 0:
        return Note(
            NoteCode.NO_FREE_BALANCE,
            f"No entry: the bot's balance is {canonical(memory.balance)} {rules.quote_asset}, of which "
            f"{canonical(free_quote)} are free at the exchange.",
        )
    quantity = min(rules.floor_quantity(size * leverage / Fraction(entry.close)), rules.max_qty)
    refusal = _refusal(memory, parameters, rules, entry, quantity=quantity, taker=taker)
    if refusal is not None:
        return refusal
    notional = Fraction(quantity) * Fraction(entry.close)
    if notional_cap is not None and notional > notional_cap:
        return Note(
            NoteCode.BEYOND_BRACKET,
            f"No entry: at leverage {leverage} the exchange allows positions of {canonical(notional_cap)} "
            f"{rules.quote_asset} at most.",
        )
    return EntrySize(quantity, ceil_to(notional / leverage, FEE_UNIT))


def _wanted_quote(memory: BotMemory, parameters: Parameters) -> Fraction:
    if parameters.position_size_fixed is not None:
        return Fraction(parameters.position_size_fixed)
    if parameters.position_size_ppm is not None:
        return Fraction(memory.balance) * parameters.position_size_ppm / ONE_MILLION
    return Fraction(DEFAULT_SIZE)


def _refusal(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    entry: EntryDecision,
    *,
    quantity: Decimal,
    taker: Fraction,
) -> Note | None:
    """Return why the exchange would refuse the order or its protective stop, or None where it takes both."""
    sellable = quantity
    if not parameters.is_futures:
        commission = fee_against_us(Fraction(quantity) * taker)
        sellable = rules.floor_quantity(Fraction(memory.dust) + Fraction(quantity) - Fraction(commission))
    if min(quantity, sellable) < rules.min_qty or quantity <= 0:
        return Note(
            NoteCode.BELOW_MIN_QTY,
            f"No entry: {canonical(min(quantity, sellable))} {rules.base_asset} is below the least quantity "
            f"{canonical(rules.min_qty)}.",
        )
    stop = initial_stop_price(parameters, rules, entry)
    least = Fraction(rules.min_notional)
    value = Fraction(sellable) * Fraction(stop)
    if value < least * NOTIONAL_SPARE or Fraction(quantity) * Fraction(entry.close) < least:
        return Note(
            NoteCode.BELOW_MIN_NOTIONAL,
            f"No entry: {canonical(sellable)} {rules.base_asset} at the stop {canonical(stop)} is below the least "
            f"order value of {canonical(rules.min_notional)} {rules.quote_asset} (1 % to spare).",
        )
    return None


def initial_stop_price(parameters: Parameters, rules: SymbolRules, entry: EntryDecision) -> Decimal:
    """Return the effective stop of an entry that fills at the deciding close."""
    side, close = entry.position_side, entry.close
    stop = stop_price(side, close, parameters.stop_loss_ppm, rules)
    if parameters.trailing_stop_ppm is None:
        return stop
    trailing = stop_price(side, close, parameters.trailing_stop_ppm, rules)
    return max(stop, trailing) if side is PositionSide.LONG else min(stop, trailing)
