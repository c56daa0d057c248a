"""Signed futures routes: orders and trades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange import futures_views as views
from infra.local.exchange.errors import ApiError, cancel_rejected, order_not_found
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.routes.route import Route, heavier_without
from infra.local.exchange.tickets import FUTURES_CLIENT_ID, read_futures
from infra.local.exchange.times import DAY_MS

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.records import Order
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]
FUTURES = MarketKind.FUTURES
_WEEK_MS = 7 * DAY_MS


def _new_order(call: Call) -> Json:
    instrument = call.instrument()
    ticket = read_futures(call.parameters)
    order = call.exchange.futures.place(call.signer, instrument, ticket)
    call.headers |= call.exchange.traffic.count_order("futures", call.signer.api_key)
    return views.new_order(order, ticket.response_type)


def _test_order(call: Call) -> Json:
    call.instrument()
    read_futures(call.parameters)
    return {}


def _find(call: Call, instrument: Instrument) -> Order | None:
    order_id = call.parameters.integer("orderId")
    client_order_id = call.parameters.matching("origClientOrderId", FUTURES_CLIENT_ID)
    if order_id is None and client_order_id is None:
        raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return call.exchange.state.find_order(call.signer.api_key, FUTURES, instrument.symbol, order_id, client_order_id)


def _query_order(call: Call) -> Json:
    order = _find(call, call.instrument())
    if order is None:
        raise order_not_found()
    return views.queried(order)


def _query_open_order(call: Call) -> Json:
    order = _find(call, call.instrument())
    if order is None or not order.is_open:
        raise order_not_found()
    return views.queried(order)


def _cancel_order(call: Call) -> Json:
    order = _find(call, call.instrument())
    if order is None or not order.is_open:
        raise cancel_rejected()
    call.exchange.futures.cancel(order)
    return views.new_order(order, "RESULT")


def _cancel_all(call: Call) -> Json:
    instrument = call.instrument()
    for order in call.exchange.state.open_orders_of(call.signer.api_key, FUTURES, instrument.symbol):
        call.exchange.futures.cancel(order)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _open_orders(call: Call) -> list[Json]:
    instrument = call.optional_instrument()
    symbol = instrument.symbol if instrument else None
    return [views.queried(order) for order in call.exchange.state.open_orders_of(call.signer.api_key, FUTURES, symbol)]


def _all_orders(call: Call) -> list[Json]:
    parameters, instrument = call.parameters, call.instrument()
    first, start, end = parameters.integer("orderId"), parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.bounded("limit", 500, 1000)
    check_span(start, end)
    orders = [
        order
        for order in call.exchange.state.orders_of(call.signer.api_key, FUTURES, instrument.symbol)
        if (first is None or order.order_id >= first)
        and (start is None or order.created_ms >= start)
        and (end is None or order.created_ms <= end)
    ]
    chosen = orders[-limit:] if first is None and start is None else orders[:limit]
    return [views.queried(order) for order in chosen]


def _user_trades(call: Call) -> list[Json]:
    parameters, instrument = call.parameters, call.instrument()
    order_id, first = parameters.integer("orderId"), parameters.integer("fromId")
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.bounded("limit", 500, 1000)
    check_span(start, end)
    trades = [
        one
        for one in call.exchange.state.executions_of(call.signer.api_key, FUTURES, instrument.symbol, order_id)
        if (first is None or one.trade_id >= first)
        and (start is None or one.executed_ms >= start)
        and (end is None or one.executed_ms <= end)
    ]
    chosen = trades[-limit:] if first is None and start is None else trades[:limit]
    return [views.trade(one, instrument) for one in chosen]


def check_span(start: int | None, end: int | None) -> None:
    """Refuse a span of more than a week."""
    if start is not None and end is not None and end - start > _WEEK_MS:
        raise ApiError(-4165, "The time interval between the start time and end time must be less than 7 days.")


ROUTES = (
    Route("POST", "/fapi/v1/order", _new_order, 0, security="trade"),
    Route("POST", "/fapi/v1/order/test", _test_order, 0, security="trade"),
    Route("GET", "/fapi/v1/order", _query_order, 1, security="signed"),
    Route("DELETE", "/fapi/v1/order", _cancel_order, 1, security="trade"),
    Route("DELETE", "/fapi/v1/allOpenOrders", _cancel_all, 1, security="trade"),
    Route("GET", "/fapi/v1/openOrder", _query_open_order, 1, security="signed"),
    Route("GET", "/fapi/v1/openOrders", _open_orders, weigh=heavier_without("symbol", 1, 40), security="signed"),
    Route("GET", "/fapi/v1/allOrders", _all_orders, 5, security="signed"),
    Route("GET", "/fapi/v1/userTrades", _user_trades, 5, security="signed"),
)
