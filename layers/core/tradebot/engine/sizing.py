"""How much an entry buys or sells. The fill is not known when an order is made, so the deciding close stands for it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tradebot.domain.money import (
    FEE_UNIT,
    ONE_MILLION,
    canonical,
    ceil_quotient,
    exact,
    fee_against_us,
    floor_quotient,
    part_of,
    times,
)
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import stop_price
from tradebot.engine.notes import Note, NoteCode
from tradebot.engine.parameters import DEFAULT_SIZE

if TYPE_CHECKING:
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.decision import EntryDecision
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.parameters import Parameters

#: Part of the free balance that an entry may use: the price moves between the decision and the fill.
USABLE: Final = Decimal("0.99")
#: Least value of the protective stop, as a multiple of min_notional.
NOTIONAL_SPARE: Final = Decimal("1.01")


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
    taker = parameters.fees.taker_ppm if taker_ppm is None else taker_ppm
    leverage = parameters.leverage
    size, divisor = _size_in_quote(memory, parameters, times(USABLE, free_quote), taker)
    if size <= 0:
        return Note(
            NoteCode.NO_FREE_BALANCE,
            f"No entry: the bot's balance is {canonical(memory.balance)} {rules.quote_asset}, of which "
            f"{canonical(free_quote)} are free at the exchange.",
        )
    wanted = floor_quotient(times(leverage, size), times(divisor, entry.close), rules.step_size)
    quantity = min(wanted, rules.max_qty)
    refusal = _refusal(memory, parameters, rules, entry, quantity=quantity, taker=taker)
    if refusal is not None:
        return refusal
    notional = times(quantity, entry.close)
    if notional_cap is not None and notional > notional_cap:
        return Note(
            NoteCode.BEYOND_BRACKET,
            f"No entry: at leverage {leverage} the exchange allows positions of {canonical(notional_cap)} "
            f"{rules.quote_asset} at most.",
        )
    return EntrySize(quantity, ceil_quotient(notional, leverage, FEE_UNIT))


def missing_margin(
    memory: BotMemory, parameters: Parameters, free_quote: Decimal, *, taker_ppm: int | None = None
) -> Decimal:
    """Return what an entry of the wanted size lacks on futures, to eight decimals; zero or less where nothing does."""
    taker = parameters.fees.taker_ppm if taker_ppm is None else taker_ppm
    # The least balance whose usable part, less the entry's fee, is the wanted margin: `_size_in_quote`, solved for it.
    dividend = times(ONE_MILLION + parameters.leverage * taker, _wanted_quote(memory, parameters))
    needed = ceil_quotient(dividend, times(ONE_MILLION, USABLE), FEE_UNIT)
    with exact():
        return needed - free_quote


def _size_in_quote(memory: BotMemory, parameters: Parameters, usable: Decimal, taker: int) -> tuple[Decimal, int]:
    """Return the lesser of what is wanted and what is usable, as a dividend and its divisor."""
    wanted = _wanted_quote(memory, parameters)
    if not parameters.is_futures:
        return min(wanted, usable), 1
    # usable / (1 + leverage x taker), multiplied by a million.
    divisor = ONE_MILLION + parameters.leverage * taker
    cap = times(ONE_MILLION, usable)
    return (wanted, 1) if times(divisor, wanted) <= cap else (cap, divisor)


def _wanted_quote(memory: BotMemory, parameters: Parameters) -> Decimal:
    if parameters.position_size_fixed is not None:
        return parameters.position_size_fixed
    if parameters.position_size_ppm is not None:
        return part_of(memory.balance, parameters.position_size_ppm)
    return DEFAULT_SIZE


def _refusal(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    entry: EntryDecision,
    *,
    quantity: Decimal,
    taker: int,
) -> Note | None:
    """Return why the exchange would refuse the order or its protective stop, or None where it takes both."""
    sellable = quantity
    if not parameters.is_futures:
        with exact():
            sellable = rules.floor_quantity(memory.dust + quantity - fee_against_us(part_of(quantity, taker)))
    if min(quantity, sellable) < rules.min_qty or quantity <= 0:
        return Note(
            NoteCode.BELOW_MIN_QTY,
            f"No entry: {canonical(min(quantity, sellable))} {rules.base_asset} is below the least quantity "
            f"{canonical(rules.min_qty)}.",
        )
    stop = initial_stop_price(parameters, rules, entry)
    least = rules.min_notional
    if times(sellable, stop) < times(NOTIONAL_SPARE, least) or times(quantity, entry.close) < least:
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
