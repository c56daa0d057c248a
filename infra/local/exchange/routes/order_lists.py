"""Signed spot routes: order lists, of which this exchange knows one-cancels-the-other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange import spot_views as views
from infra.local.exchange.conditional_tickets import read_list
from infra.local.exchange.errors import ApiError, cancel_rejected
from infra.local.exchange.routes.route import Route
from infra.local.exchange.tickets import SPOT_CLIENT_ID
from infra.local.exchange.times import DAY_MS

if TYPE_CHECKING:
    from infra.local.exchange.conditional import OrderList
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]


def _new_list(call: Call) -> Json:
    instrument = call.instrument()
    ticket = read_list(call.parameters)
    one = call.exchange.spot.place_list(call.signer, instrument, ticket)
    for _ in one.order_ids:  # each leg counts as an order
        call.headers |= call.exchange.traffic.count_order("spot", call.signer.api_key)
    report = views.acknowledgement if ticket.response_type == "ACK" else views.result
    return _show(call, one) | {"orderReports": [report(order) for order in call.exchange.spot.legs(one)]}


def _find(call: Call, name: str) -> OrderList | None:
    list_id = call.parameters.integer("orderListId")
    client_list_id = call.parameters.matching(name, SPOT_CLIENT_ID)
    if list_id is None and client_list_id is None:
        raise ApiError(-1102, f"Param 'orderListId' or '{name}' must be sent, but both were empty/null!")
    return call.exchange.state.conditionals.find_list(call.signer.api_key, list_id, client_list_id)


def _show(call: Call, one: OrderList) -> Json:
    return views.order_list(one, call.exchange.spot.legs(one))


def _query_list(call: Call) -> Json:
    one = _find(call, "origClientOrderId")
    call.parameters.refuse_unread()
    if one is None:
        raise ApiError(-2018, "Order list does not exist.")
    return _show(call, one)


def _cancel_list(call: Call) -> Json:
    instrument = call.instrument()
    one = _find(call, "listClientOrderId")
    cancel_id = call.parameters.matching("newClientOrderId", SPOT_CLIENT_ID)
    call.parameters.refuse_unread()
    desk = call.exchange.spot
    if one is None or one.symbol != instrument.symbol or not desk.is_open(one):
        raise cancel_rejected()
    desk.cancel_list(call.signer, instrument, one)
    name = cancel_id or f"simulated-cancel-list-{one.list_id}"
    return _show(call, one) | {"orderReports": [views.canceled(order, name) for order in desk.legs(one)]}


def _open_lists(call: Call) -> list[Json]:
    call.parameters.refuse_unread()
    lists = call.exchange.state.conditionals.lists_of(call.signer.api_key)
    return [_show(call, one) for one in lists if call.exchange.spot.is_open(one)]


def _all_lists(call: Call) -> list[Json]:
    parameters = call.parameters
    first, start, end = parameters.integer("fromId"), parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.bounded("limit", 500, 1000)
    parameters.refuse_unread()
    if first is not None and (start is not None or end is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    if start is not None and end is not None and end - start > DAY_MS:
        raise ApiError(-1127, "More than 24 hours between startTime and endTime.")
    lists = [
        one
        for one in call.exchange.state.conditionals.lists_of(call.signer.api_key)
        if (first is None or one.list_id >= first)
        and (start is None or one.created_ms >= start)
        and (end is None or one.created_ms <= end)
    ]
    chosen = lists[-limit:] if first is None and start is None else lists[:limit]
    return [_show(call, one) for one in chosen]


ROUTES = (
    Route("POST", "/api/v3/orderList/oco", _new_list, 1, security="trade"),
    Route("GET", "/api/v3/orderList", _query_list, 4, security="signed"),
    Route("DELETE", "/api/v3/orderList", _cancel_list, 1, security="trade"),
    Route("GET", "/api/v3/openOrderList", _open_lists, 6, security="signed"),
    Route("GET", "/api/v3/allOrderList", _all_lists, 20, security="signed"),
)
