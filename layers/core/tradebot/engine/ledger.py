"""What fills do to a bot's books. Sums of fills stay exact; where a cost has to be split, the last part takes the rest.

At any time `BotMemory.quote_change` equals what the bot did to the account's quote balance, to the last decimal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradebot.domain.money import (
    COST_UNIT,
    FEE_UNIT,
    ZERO,
    ceil_quotient,
    display_price,
    exact,
    fee_against_us,
    floor_quotient,
    ratio,
    times,
)
from tradebot.domain.position import Position, PositionSide
from tradebot.engine.levels import stop_price, take_profit_price, with_extreme
from tradebot.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradebot.domain.order import Execution
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.decision import EntryDecision
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Fees:
    """An execution's commissions at their value in quote, by what they were paid in."""

    in_base: Decimal
    in_quote: Decimal
    elsewhere: Decimal
    #: The base commission itself, in base.
    base_quantity: Decimal

    @property
    def total(self) -> Decimal:
        return self.in_base + self.in_quote + self.elsewhere


def fees_of(
    execution: Execution, rules: SymbolRules, commission_prices: Mapping[str, Decimal], *, is_owned: bool
) -> Fees:
    """Return an execution's commissions; `is_owned` tells spot, where one in base is taken from the coins."""
    in_base = in_quote = elsewhere = base_quantity = ZERO
    for asset, amount in execution.commissions:
        if asset == rules.quote_asset:
            in_quote += amount
        elif asset == rules.base_asset:
            value = ceil_quotient(times(amount, execution.quote_quantity), execution.quantity, FEE_UNIT)
            if is_owned:
                base_quantity, in_base = base_quantity + amount, in_base + value
            else:
                # A BNB fee of BNBUSDT futures: the wallet's coins pay it, not the contract.
                elsewhere += value
        elif amount:
            if asset not in commission_prices:
                raise InvalidInputError(f"the price of {asset} in {rules.quote_asset} is needed: a commission is in it")
            elsewhere += fee_against_us(times(amount, commission_prices[asset]))
    return Fees(in_base, in_quote, elsewhere, base_quantity)


def third_assets(execution: Execution, rules: SymbolRules) -> tuple[str, ...]:
    """Return the assets whose price in quote `apply_entry` and `apply_exit` need in `commission_prices`."""
    return tuple(
        asset
        for asset, amount in execution.commissions
        if amount and asset not in {rules.base_asset, rules.quote_asset}
    )


def apply_entry(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    entry: EntryDecision,
    execution: Execution,
    *,
    commission_prices: Mapping[str, Decimal] | None = None,
    is_first: bool = True,
) -> BotMemory:
    """Book fills of an entry order and set the levels from their average price.

    Call it once the order is at its end, or again with further fills of the same decision. On spot, fills worth less
    than the least order value become dust at once, since nothing could sell them. `commission_prices` gives the price
    in quote of each asset named by `third_assets`. An entry counts once a day: with the fills that are `is_first`.
    """
    held = memory.position
    if held is not None and held.entry_key != entry.decision_key:
        raise ConflictError(f"the bot holds a position of {held.entry_key}; {entry.decision_key} cannot open another")
    with exact():
        fees = fees_of(execution, rules, commission_prices or {}, is_owned=not parameters.is_futures)
        position = _entered(memory, parameters, rules, entry, execution, fees=fees)
        entered = replace(
            memory,
            balance=memory.balance - fees.total,
            fees_elsewhere=memory.fees_elsewhere + fees.elsewhere,
            position=position,
            dust=ZERO,
            dust_cost=ZERO,
            trades_today=memory.trades_today + (held is None and is_first),
            pending_entry=None,
        )
        if not _can_be_sold(position, rules, execution):
            return _to_dust(entered, position)
        return entered


def _entered(
    memory: BotMemory,
    parameters: Parameters,
    rules: SymbolRules,
    entry: EntryDecision,
    execution: Execution,
    *,
    fees: Fees,
) -> Position:
    held, side = memory.position, entry.position_side
    quantity, cost = (held.quantity, held.cost) if held else (memory.dust, memory.dust_cost)
    entry_quantity = execution.quantity + (held.entry_quantity if held else ZERO)
    entry_quote = execution.quote_quantity + (held.entry_quote if held else ZERO)
    price = ratio(entry_quote, entry_quantity)
    trailing = parameters.trailing_stop_ppm
    entered = Position(
        side=side,
        entry_key=entry.decision_key,
        entry_close_at=entry.close_at,
        opened_at=held.opened_at if held else execution.executed_at,
        is_owned=not parameters.is_futures,
        quantity=quantity + execution.quantity - fees.base_quantity,
        cost=cost + execution.quote_quantity - fees.in_base,
        entry_quantity=entry_quantity,
        entry_quote=entry_quote,
        entry_fee=fees.total + (held.entry_fee if held else ZERO),
        stop_loss_price=stop_price(side, price, parameters.stop_loss_ppm, rules),
        take_profit_price=take_profit_price(side, price, parameters.take_profit_ppm, rules),
        trailing_stop_price=None if trailing is None else stop_price(side, price, trailing, rules),
        extreme_price=display_price(price),
        funding=held.funding if held else ZERO,
        trailing_since=held.trailing_since if held else None,
    )
    return with_extreme(entered, held.extreme_price, trailing, rules, held.trailing_since) if held else entered


def _to_dust(memory: BotMemory, position: Position) -> BotMemory:
    """Close a spot position of which nothing can be sold: its coins stay, at the cost that no exit has borne."""
    return replace(
        memory,
        position=None,
        pending_exit=None,
        balance=memory.balance + position.entry_fee,
        dust=memory.dust + position.quantity,
        dust_cost=memory.dust_cost + position.cost + position.entry_fee,
    )


def keep_as_dust(memory: BotMemory) -> BotMemory:
    """End a spot position that the exchange takes no order for any more: too little is left. The next sale takes it."""
    position = memory.position
    if position is None or not position.is_owned:
        raise ConflictError("there is no position of coins that could be kept")
    with exact():
        return _to_dust(memory, position)


def apply_exit(
    memory: BotMemory,
    rules: SymbolRules,
    execution: Execution,
    *,
    commission_prices: Mapping[str, Decimal] | None = None,
    is_working: bool = False,
) -> tuple[BotMemory, Decimal]:
    """Book fills of an exit order; return the memory and the `realized_pnl` of these fills, net of both sides' fees.

    A part leaves the rest of the position in place with its exit still pending. What is too little to sell on spot
    becomes dust and ends the position, unless the order `is_working` still: it may sell what no new one could.
    """
    position = memory.position
    if position is None:
        raise ConflictError("there is no position that these fills could close")
    if execution.quantity > position.quantity:
        raise ConflictError(f"{execution.quantity} were closed, but the bot holds {position.quantity}")
    with exact():
        fees = fees_of(execution, rules, commission_prices or {}, is_owned=position.is_owned)
        left = replace(position, quantity=position.quantity - execution.quantity - fees.base_quantity)
        is_closed = not is_working and not _can_be_sold(left, rules, execution)
        cost = _cost_of(position, execution.quantity)
        entry_fee = _entry_fee_of(position, execution.quantity, rules, is_closed=is_closed)
        funding = _funding_of(position, execution.quantity, is_closed=is_closed)
        gross = position.side.sign * (execution.quote_quantity - cost)
        realized = gross - entry_fee - fees.total + funding
        left = replace(
            left,
            cost=position.cost - cost - fees.in_base,
            entry_fee=position.entry_fee - entry_fee,
            funding=position.funding - funding,
        )
        after = replace(
            memory,
            balance=memory.balance + gross - fees.total,
            fees_elsewhere=memory.fees_elsewhere + fees.elsewhere,
            daily_pnl=memory.daily_pnl + realized,
            position=None if is_closed else left,
            pending_exit=None if is_closed else memory.pending_exit,
            dust=left.quantity if is_closed else ZERO,
            dust_cost=left.cost if is_closed else ZERO,
        )
        return after, realized


def exit_quantity(position: Position, rules: SymbolRules) -> Decimal:
    """Return how much of a position one market order can close: held, rounded down to the step."""
    quantity = min(rules.floor_quantity(position.quantity), rules.max_qty)
    return ZERO if position.is_owned and quantity < rules.min_qty else quantity


def _can_be_sold(position: Position, rules: SymbolRules, execution: Execution) -> bool:
    """Whether the exchange would take an exit: on spot the least order value holds, reduce-only orders are exempt."""
    quantity = exit_quantity(position, rules)
    if quantity <= 0:
        return False
    if not position.is_owned:
        return True
    # quantity x average price, multiplied by what was executed.
    return times(quantity, execution.quote_quantity) >= times(execution.quantity, rules.min_notional)


def _cost_of(position: Position, quantity: Decimal) -> Decimal:
    """Return quantity x entry price; on futures the last part takes what the others left."""
    if not position.is_owned and quantity == position.quantity:
        return position.cost
    rounded = ceil_quotient if position.side is PositionSide.LONG else floor_quotient
    return rounded(times(quantity, position.entry_quote), position.entry_quantity, COST_UNIT)


def _entry_fee_of(position: Position, quantity: Decimal, rules: SymbolRules, *, is_closed: bool) -> Decimal:
    """Return the part of the entry's fees that an exit of `quantity` bears; the last one takes the rest."""
    if is_closed:
        return position.entry_fee
    sellable = rules.floor_quantity(position.quantity)
    return min(position.entry_fee, ceil_quotient(times(position.entry_fee, quantity), sellable, FEE_UNIT))


def _funding_of(position: Position, quantity: Decimal, *, is_closed: bool) -> Decimal:
    """Return the part of the funding so far that an exit of `quantity` bears; the last one takes the rest."""
    if is_closed:
        return position.funding
    return floor_quotient(times(position.funding, quantity), position.quantity, FEE_UNIT)


def apply_funding(memory: BotMemory, amount: Decimal) -> BotMemory:
    """Book a settlement, below zero where it is paid. A late one of a position that is gone is realised at once."""
    position = memory.position
    with exact():
        if position is None:
            return replace(memory, balance=memory.balance + amount, daily_pnl=memory.daily_pnl + amount)
        return replace(
            memory, balance=memory.balance + amount, position=replace(position, funding=position.funding + amount)
        )


def apply_liquidation(memory: BotMemory, leverage: int) -> tuple[BotMemory, Decimal]:
    """Book the loss of the whole isolated margin; return the memory and the `realized_pnl`, the entry's fee in it.

    Funding so far came out of (or went into) the margin, so what is lost now is the rest of it.
    """
    position = memory.position
    if position is None:
        raise ConflictError("there is no position that could be liquidated")
    with exact():
        margin = ceil_quotient(position.cost, leverage, FEE_UNIT)
        realized = -margin - position.entry_fee
        after = replace(
            memory,
            balance=memory.balance - margin - position.funding,
            daily_pnl=memory.daily_pnl + realized,
            position=None,
            pending_exit=None,
        )
        return after, realized


def unrealized_pnl(memory: BotMemory, rules: SymbolRules, price: Decimal) -> Decimal:
    """Return what an exit at `price` would realise before its own fee, the entry's fee being in the balance already."""
    position = memory.position
    if position is None:
        return ZERO
    with exact():
        quantity = rules.floor_quantity(position.quantity)
        return position.side.sign * (quantity * price - _cost_of(position, quantity))


def equity(memory: BotMemory, rules: SymbolRules, price: Decimal | None) -> Decimal:
    """Return balance + unrealised PnL at `price`, which may be None where nothing is held."""
    if memory.position is None or price is None:
        return memory.balance
    with exact():
        return memory.balance + unrealized_pnl(memory, rules, price)
