"""Signed spot routes: orders, trades and the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange import spot_views as views
from infra.local.exchange.decimals import fixed
from infra.local.exchange.errors import ApiError, cancel_rejected, order_not_found
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.routes.route import Route, heavier_without
from infra.local.exchange.tickets import SPOT_CLIENT_ID, read_spot
from infra.local.exchange.times import DAY_MS

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.records import Execution, Order
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]
SPOT = MarketKind.SPOT


def _new_order(call: Call) -> Json:
    instrument = call.instrument()
    ticket = read_spot(call.parameters)
    order = call.exchange.spot.place(call.signer, instrument, ticket)
    call.headers |= call.exchange.traffic.count_order("spot", call.signer.api_key)
    if ticket.response_type == "ACK":
        return views.acknowledgement(order)
    if ticket.response_type == "RESULT":
        return views.result(order)
    return views.full(order, call.exchange.state.executions_of(order.api_key, SPOT, order.symbol, order.order_id))


def _test_order(call: Call) -> Json:
    call.instrument()
    read_spot(call.parameters)
    return {}


def _find(call: Call, instrument: Instrument) -> Order | None:
    order_id = call.parameters.integer("orderId")
    client_order_id = call.parameters.matching("origClientOrderId", SPOT_CLIENT_ID)
    if order_id is None and client_order_id is None:
        raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return call.exchange.state.find_order(call.signer.api_key, SPOT, instrument.symbol, order_id, client_order_id)


def _query_order(call: Call) -> Json:
    order = _find(call, call.instrument())
    call.parameters.refuse_unread()
    if order is None:
        raise order_not_found()
    return views.queried(order)


def _cancel_order(call: Call) -> Json:
    instrument = call.instrument()
    order = _find(call, instrument)
    cancel_id = call.parameters.matching("newClientOrderId", SPOT_CLIENT_ID)
    call.parameters.refuse_unread()
    if order is None or not order.is_open:
        raise cancel_rejected()
    call.exchange.spot.cancel(call.signer, instrument, order)
    return views.canceled(order, cancel_id or f"simulated-cancel-{order.order_id}")


def _cancel_all(call: Call) -> list[Json]:
    instrument = call.instrument()
    call.parameters.refuse_unread()
    orders = call.exchange.state.open_orders_of(call.signer.api_key, SPOT, instrument.symbol)
    if not orders:
        raise cancel_rejected()
    for order in orders:
        call.exchange.spot.cancel(call.signer, instrument, order)
    return [views.canceled(order, f"simulated-cancel-{order.order_id}") for order in orders]


def _open_orders(call: Call) -> list[Json]:
    instrument = call.optional_instrument()
    call.parameters.refuse_unread()
    symbol = instrument.symbol if instrument else None
    return [views.queried(order) for order in call.exchange.state.open_orders_of(call.signer.api_key, SPOT, symbol)]


def _all_orders(call: Call) -> list[Json]:
    parameters, instrument = call.parameters, call.instrument()
    first, start, end = parameters.integer("orderId"), parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.bounded("limit", 500, 1000)
    parameters.refuse_unread()
    _check_span(start, end)
    orders = [
        order
        for order in call.exchange.state.orders_of(call.signer.api_key, SPOT, instrument.symbol)
        if (first is None or order.order_id >= first)
        and (start is None or order.created_ms >= start)
        and (end is None or order.created_ms <= end)
    ]
    chosen = orders[-limit:] if first is None and start is None else orders[:limit]
    return [views.queried(order) for order in chosen]


def _my_trades(call: Call) -> list[Json]:
    parameters, instrument = call.parameters, call.instrument()
    order_id, first = parameters.integer("orderId"), parameters.integer("fromId")
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.bounded("limit", 500, 1000)
    parameters.refuse_unread()
    _check_span(start, end)
    if first is not None and (start is not None or end is not None):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    trades = [
        one
        for one in call.exchange.state.executions_of(call.signer.api_key, SPOT, instrument.symbol, order_id)
        if (first is None or one.trade_id >= first)
        and (start is None or one.executed_ms >= start)
        and (end is None or one.executed_ms <= end)
    ]
    chosen = trades[-limit:] if first is None and start is None else trades[:limit]
    return [views.trade(one, _list_of(call, one)) for one in chosen]


def _list_of(call: Call, one: Execution) -> int:
    order = call.exchange.state.find_order(one.api_key, SPOT, one.symbol, one.order_id, None)
    return -1 if order is None else order.list_id


def _check_span(start: int | None, end: int | None) -> None:
    if start is not None and end is not None and end - start > DAY_MS:
        raise ApiError(-1127, "More than 24 hours between startTime and endTime.")


def _account(call: Call) -> Json:
    omit_zero = call.parameters.boolean("omitZeroBalances")
    call.parameters.refuse_unread()
    assets = {asset for one in call.instruments() for asset in (one.base, one.quote)}
    return views.account(call.signer, call.exchange.settings.fees, assets, omit_zero=omit_zero)


def _commission(call: Call) -> Json:
    instrument, fees = call.instrument(), call.exchange.settings.fees
    nothing = {"maker": "0.00000000", "taker": "0.00000000", "buyer": "0.00000000", "seller": "0.00000000"}
    standard = {
        "maker": fixed(fees.spot_maker_bps / 10_000),
        "taker": fixed(fees.spot_taker_bps / 10_000),
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }
    return {
        "symbol": instrument.symbol,
        "standardCommission": standard,
        "specialCommission": nothing,
        "taxCommission": nothing,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        },
    }


ROUTES = (
    Route("POST", "/api/v3/order", _new_order, 1, security="trade"),
    Route("POST", "/api/v3/order/test", _test_order, 1, security="trade"),
    Route("GET", "/api/v3/order", _query_order, 4, security="signed"),
    Route("DELETE", "/api/v3/order", _cancel_order, 1, security="trade"),
    Route("GET", "/api/v3/openOrders", _open_orders, weigh=heavier_without("symbol", 6, 80), security="signed"),
    Route("DELETE", "/api/v3/openOrders", _cancel_all, 1, security="trade"),
    Route("GET", "/api/v3/allOrders", _all_orders, 20, security="signed"),
    Route("GET", "/api/v3/myTrades", _my_trades, weigh=heavier_without("orderId", 5, 20), security="signed"),
    Route("GET", "/api/v3/account", _account, 20, security="signed"),
    Route("GET", "/api/v3/account/commission", _commission, 20, security="signed"),
)
