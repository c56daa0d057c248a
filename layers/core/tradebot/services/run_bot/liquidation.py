"""Positions that the exchange has closed by itself: its order is written down as ours, and booked like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.order import ExitReason, Leg, OrderStatus, OrderType
from tradebot.domain.order_id import client_order_id
from tradebot.errors import ExchangeUnavailableError
from tradebot.models import TradeReason
from tradebot.repositories.orders import LiveOrder, find_decisions_of
from tradebot.services.run_bot.book import book_in_order
from tradebot.services.run_bot.settle import settlement_of

if TYPE_CHECKING:
    from tradebot.services.run_bot.context import Tick

#: The number of an order that has no row yet: it gets one when it is recorded.
NO_ROW = 0


def adopt_liquidation(tick: Tick) -> None:
    """Where the exchange holds less than the books and no order of ours says why, ask for those that it made itself."""
    position = None if tick.memory is None else tick.memory.position
    if not tick.parameters.is_futures or position is None or tick.in_doubt or tick.events:
        return
    try:
        held = tick.exchange_view.position
        if held is not None and held.quantity * position.side.sign >= position.quantity:
            return
        forced = tick.account.forced_orders(tick.parameters.symbol)
    except ExchangeUnavailableError:
        return  # the comparison says so
    key = f"{position.entry_key}:liquidation"
    with tick.open_session(tick.claim.user_id) as session:
        # An earlier position may have been liquidated at the very moment at which this one was opened.
        known = find_decisions_of(session, tick.claim, {str(one.order_id) for one in forced})
    new = [one for one in forced if one.updated_at >= position.opened_at and str(one.order_id) not in known]
    for number, venue in enumerate(new, start=[*known.values()].count(key) + 1):
        order = LiveOrder(
            id=NO_ROW,
            decision_key=key,
            leg=Leg.EXIT,
            attempt=number,
            client_order_id=client_order_id(tick.claim.bot_config_id, key, Leg.EXIT, number),
            list_client_order_id=None,
            symbol=venue.symbol,
            side=venue.side,
            type=OrderType.MARKET,
            reason=TradeReason(ExitReason.LIQUIDATION),
            quantity=venue.quantity,
            price=None,
            stop_price=None,
            reduce_only=True,
            status=OrderStatus.NEW,
            signed_at_ms=0,
        )
        book_in_order(tick, settlement_of(tick, order, venue))
        tick.actions.append("liquidation:FILLED")
