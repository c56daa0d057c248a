"""What both desks do with an order: make it from its ticket, find what it takes at, book a fill, settle its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange.records import BUY, EXPIRED, FILLED, PARTIALLY_FILLED, Execution, Order

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.market.minutes import Quote
    from infra.local.exchange.records import Account
    from infra.local.exchange.state import State
    from infra.local.exchange.tickets import Ticket


def make_order(
    state: State, account: Account, instrument: Instrument, ticket: Ticket, *, quantity: Decimal, now_ms: int
) -> Order:
    """Return a new order; its id is counted, nothing else is kept yet."""
    order_id = state.next_order_id(instrument.kind, instrument.symbol)
    return Order(
        kind=instrument.kind,
        symbol=instrument.symbol,
        order_id=order_id,
        api_key=account.api_key,
        client_order_id=ticket.client_order_id or f"simulated-{instrument.symbol}-{order_id}",
        side=ticket.side,
        type=ticket.type,
        time_in_force=ticket.time_in_force,
        quantity=quantity,
        price=ticket.price,
        quote_quantity=ticket.quote_quantity,
        stop_price=ticket.stop_price,
        reduce_only=ticket.reduce_only,
        created_ms=now_ms,
        updated_ms=now_ms,
        working_ms=0 if ticket.stop_price else now_ms,
    )


def taker_price(ticket: Ticket, quote: Quote) -> Decimal | None:
    """Return the price at which an order trades at once, or None where it does not."""
    if ticket.side == BUY:
        return quote.ask if ticket.is_market or ticket.price >= quote.ask else None
    return quote.bid if ticket.is_market or ticket.price <= quote.bid else None


def book(
    state: State,
    order: Order,
    *,
    quantity: Decimal,
    price: Decimal,
    commission: Decimal,
    commission_asset: str,
    is_maker: bool,
    realized_pnl: Decimal,
) -> None:
    """File an execution of `order` at its time of update and add it to the order."""
    value = quantity * price
    order.executed_quantity += quantity
    order.executed_quote += value
    state.add_execution(
        Execution(
            kind=order.kind,
            symbol=order.symbol,
            trade_id=state.next_trade_id(order.kind, order.symbol),
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            api_key=order.api_key,
            side=order.side,
            price=price,
            quantity=quantity,
            quote_quantity=value,
            commission=commission,
            commission_asset=commission_asset,
            is_maker=is_maker,
            executed_ms=order.updated_ms,
            realized_pnl=realized_pnl,
        )
    )


def settle(order: Order, *, may_rest: bool) -> None:
    """Give an order the status that what was executed leaves it with."""
    if order.remaining <= 0:
        order.status = FILLED
    elif may_rest:
        order.status = PARTIALLY_FILLED if order.executed_quantity else order.status
    else:
        order.status = EXPIRED
