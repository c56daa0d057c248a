"""What the exchange shows of one symbol of one account: resting orders, and the position or the free coins."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tradebot.errors import ExchangeBudgetError, LookDeferredError
from tradebot.exchange.gate import Urgency
from tradebot.services.exchange_budget import CANDLES_WEIGHT, COMPARISON_WEIGHT, LOOK_WEIGHT, PRICE_WEIGHT
from tradebot.services.run_bot.market_view import has_new_candle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradebot.exchange.protocol import Account, VenueOrder, VenuePosition, VenueStop
    from tradebot.services.run_bot.context import Tick

#: How often what is held is compared where nothing happens.
FULL_INTERVAL = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """By client id. `position` is futures', `free` is spot's; None where only the orders were asked for."""

    orders: Mapping[str, VenueOrder]
    stops: Mapping[str, VenueStop] = field(default_factory=dict)
    position: VenuePosition | None = None
    free: Mapping[str, Decimal] | None = None

    @property
    def shows_holdings(self) -> bool:
        """Whether it can be held against the books."""
        return self.position is not None or self.free is not None


def view_exchange(account: Account, symbol: str, *, is_futures: bool, in_full: bool) -> ExchangeView:
    """Read it. The holdings come first: what executes between the requests is then missing from the orders.

    On spot they cost more than all else of a tick (20 of weight), and are asked for only `in_full`.
    """
    account.synchronise_clock()
    if is_futures:
        position = account.position(symbol)
        stops = {stop.client_algo_id: stop for stop in account.open_stops(symbol)}
        orders = {order.client_order_id: order for order in account.open_orders(symbol)}
        return ExchangeView(orders, stops, position)
    free = account.free_balances() if in_full else None
    return ExchangeView({order.client_order_id: order for order in account.open_orders(symbol)}, free=free)


def is_full_due(tick: Tick) -> bool:
    """Tell whether the books have to be held against what the account holds: after an execution, a difference, a while.

    What was executed leaves `reconciled_at` empty.
    """
    claim = tick.claim
    if claim.open_findings or claim.reconciled_at is None:
        return True
    return tick.tick_at - claim.reconciled_at >= FULL_INTERVAL


def look(tick: Tick, *, again: bool = False) -> ExchangeView:
    """Read as much as is due and as the minute's request weight has room for.

    Raise LookDeferredError where nothing was asked, because it can wait: there is no position, or its stop rests.
    """
    differed = tick.is_holding and tick.claim.open_findings
    if not tick.is_sheltered or differed:
        return view_exchange(tick.account, tick.parameters.symbol, is_futures=tick.parameters.is_futures, in_full=True)
    if again or not tick.is_holding:
        return _patient_view(tick, Urgency.COMPARISON, COMPARISON_WEIGHT, in_full=True)
    if is_full_due(tick) and not tick.parameters.is_futures:
        with suppress(LookDeferredError):
            return _patient_view(tick, Urgency.COMPARISON, COMPARISON_WEIGHT, in_full=True)
    return _patient_view(tick, Urgency.LOOK, LOOK_WEIGHT, in_full=False)


def _candles_weight(tick: Tick) -> int:
    if not has_new_candle(tick):
        return 0
    # On futures they bring the price, which is reserved already.
    return CANDLES_WEIGHT - PRICE_WEIGHT if tick.parameters.is_futures else CANDLES_WEIGHT


def _patient_view(tick: Tick, urgency: Urgency, weight: int, *, in_full: bool) -> ExchangeView:
    try:
        with tick.budget.at(urgency):
            tick.budget.reserve(urgency, weight + _candles_weight(tick))
            parameters = tick.parameters
            return view_exchange(tick.account, parameters.symbol, is_futures=parameters.is_futures, in_full=in_full)
    except ExchangeBudgetError as error:
        rests = " The position's stop rests there meanwhile." if tick.is_holding else ""
        raise LookDeferredError(f"{error.message}{rests}") from None
