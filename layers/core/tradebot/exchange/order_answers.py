"""Reads orders, order lists and futures stops, and insists that they are the ones asked for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.order import OrderStatus, Side
from tradebot.exchange.answers import (
    UnreadableAnswerError,
    decimal_of,
    field_of,
    fill_of,
    instant_of,
    integer_of,
    rows_of,
    text_of,
)
from tradebot.exchange.venue_records import StopStatus, VenueOrder, VenueOrderList, VenueStop

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUSES: Final[Mapping[str, OrderStatus]] = {
    "NEW": OrderStatus.NEW,
    "PENDING_NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "PENDING_CANCEL": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_LIST_IS_LIVE: Final = {"EXECUTING": True, "ALL_DONE": False, "REJECT": False}


def order_of(
    body: Any, *, client_order_id: str | None, quote_field: str, time_fields: tuple[str, ...], symbol: str | None = None
) -> VenueOrder:
    """Read an order; with a `client_order_id` or `symbol` it has to be that one.

    `quote_field` names what was paid in quote; the first of `time_fields` that is there stamps the order.
    """
    found = own_id_of(body)
    if client_order_id not in {None, found}:
        raise UnreadableAnswerError("the exchange's answer is not the order that was asked for")
    status = _STATUSES.get(str(body.get("status")))
    if status is None:
        raise UnreadableAnswerError("the exchange's answer has an order status that is not known")
    order = VenueOrder(
        order_id=integer_of(body.get("orderId")),
        client_order_id=found,
        symbol=_symbol_of(body, symbol),
        side=_side_of(body),
        status=status,
        executed_quantity=decimal_of(body.get("executedQty")),
        quote_quantity=decimal_of(body.get(quote_field)),
        updated_at=instant_of(next((body[name] for name in time_fields if name in body), None)),
        quantity=decimal_of(body.get("origQty")),
        type=text_of(body, "type"),
        price=_price_of(body, "price"),
        stop_price=_price_of(body, "stopPrice"),
        reduce_only=body.get("reduceOnly") is True,
    )
    is_possible = 0 <= order.executed_quantity <= order.quantity and order.quote_quantity >= 0
    if not is_possible or (order.status is OrderStatus.FILLED and not order.executed_quantity):
        raise UnreadableAnswerError("the exchange's answer holds an order that executed an impossible quantity")
    return order


def own_id_of(body: Any) -> str:
    """Return the id that the order was placed with: the answer to a spot cancel carries the cancel's own beside it."""
    is_cancel = isinstance(body, dict) and "origClientOrderId" in body
    return text_of(body, "origClientOrderId" if is_cancel else "clientOrderId")


def with_fills(order: VenueOrder, rows: Any) -> VenueOrder:
    """Add the executions that a spot order's own answer carries: the order gives them their time."""
    fills = tuple(fill_of(row, executed_at=order.updated_at) for row in rows_of(rows))
    if sum((fill.quantity for fill in fills), Decimal(0)) != order.executed_quantity:
        raise UnreadableAnswerError("the exchange's answer holds an order whose trades do not add up")
    return replace(order, fills=fills)


def list_of(
    body: Any, orders: tuple[VenueOrder, ...], *, list_client_order_id: str, symbol: str | None = None
) -> VenueOrderList:
    """Read an order list with its orders, which must be those that it names."""
    if text_of(body, "listClientOrderId") != list_client_order_id:
        raise UnreadableAnswerError("the exchange's answer is not the order list that was asked for")
    is_live = _LIST_IS_LIVE.get(str(body.get("listOrderStatus")))
    if is_live is None:
        raise UnreadableAnswerError("the exchange's answer has an order list's status that is not known")
    named = {integer_of(row.get("orderId")) for row in rows_of(body, "orders")}
    if len(named) < 2 or named != {order.order_id for order in orders}:
        raise UnreadableAnswerError("the exchange's answer holds an order list without its orders")
    return VenueOrderList(
        list_id=integer_of(field_of(body, "orderListId")),
        list_client_order_id=list_client_order_id,
        symbol=_symbol_of(body, symbol),
        is_live=is_live,
        orders=orders,
    )


def stop_of(body: Any, *, client_algo_id: str | None, symbol: str | None = None) -> VenueStop:
    """Read an algo order; with a `client_algo_id` or `symbol` it has to be that one."""
    found = text_of(body, "clientAlgoId")
    if client_algo_id not in {None, found}:
        raise UnreadableAnswerError("the exchange's answer is not the stop that was asked for")
    try:
        status = StopStatus(str(body.get("algoStatus")))
    except ValueError:
        raise UnreadableAnswerError("the exchange's answer has a stop's status that is not known") from None
    # Empty, and on some answers absent, until it has triggered.
    order_id = body.get("actualOrderId")
    return VenueStop(
        algo_id=integer_of(body.get("algoId")),
        client_algo_id=found,
        symbol=_symbol_of(body, symbol),
        side=_side_of(body),
        status=status,
        quantity=decimal_of(body.get("quantity")),
        stop_price=decimal_of(body.get("triggerPrice")),
        order_id=(integer_of(order_id) or None) if order_id not in (None, "") else None,
    )


def _symbol_of(body: Any, symbol: str | None) -> str:
    found = text_of(body, "symbol")
    if symbol not in {None, found}:
        raise UnreadableAnswerError("the exchange's answer is about another symbol")
    return found


def _price_of(body: Mapping[str, Any], name: str) -> Decimal | None:
    """Zero, or no field, stands for no price."""
    return decimal_of(body[name]) or None if name in body else None


def _side_of(body: Mapping[str, Any]) -> Side:
    value = text_of(body, "side")
    if value not in {"BUY", "SELL"}:
        raise UnreadableAnswerError("the exchange's answer holds an order without a side")
    return Side(value)
