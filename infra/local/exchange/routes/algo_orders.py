"""Signed futures routes: algo orders, which stops have lived on since 2025-12-09."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange import futures_views as views
from infra.local.exchange.conditional_tickets import read_algo
from infra.local.exchange.errors import ApiError, cancel_rejected, order_not_found
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.routes.futures_trade import check_span
from infra.local.exchange.routes.route import Route, heavier_without
from infra.local.exchange.tickets import FUTURES_CLIENT_ID

if TYPE_CHECKING:
    from infra.local.exchange.conditional import AlgoOrder
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]


def _new_algo(call: Call) -> Json:
    instrument = call.instrument()
    if call.parameters.optional("positionSide") not in {None, "BOTH"}:
        raise ApiError(-4061, "Order's position side does not match user's setting.")
    algo = call.exchange.algo.place(call.signer, instrument, read_algo(call.parameters))
    call.headers |= call.exchange.traffic.count_order("futures", call.signer.api_key)
    return views.new_algo(algo)


def _find(call: Call) -> AlgoOrder | None:
    algo_id = call.parameters.integer("algoId")
    client_algo_id = call.parameters.matching("clientAlgoId", FUTURES_CLIENT_ID)
    if algo_id is None and client_algo_id is None:
        raise ApiError(-1102, "Param 'clientalgoid' or 'algoid' must be sent, but both were empty/null!")
    return call.exchange.state.conditionals.find_algo(call.signer.api_key, algo_id, client_algo_id)


def _query_algo(call: Call) -> Json:
    algo = _find(call)
    if algo is None:
        raise order_not_found()
    return _show(call, algo)


def _show(call: Call, algo: AlgoOrder) -> Json:
    order_id = algo.order_id or None
    state = call.exchange.state
    order = state.find_order(algo.api_key, MarketKind.FUTURES, algo.symbol, order_id, None) if order_id else None
    return views.algo(algo, order)


def _cancel_algo(call: Call) -> Json:
    algo = _find(call)
    if algo is None or not algo.is_open:
        raise cancel_rejected()
    call.exchange.algo.cancel(algo)
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_algo_id, "code": "200", "msg": "success"}


def _cancel_all(call: Call) -> Json:
    symbol = call.instrument().symbol
    for algo in call.exchange.state.conditionals.open_algos_of(call.signer.api_key, symbol):
        call.exchange.algo.cancel(algo)
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def _open_algos(call: Call) -> list[Json]:
    instrument = call.optional_instrument()
    symbol = instrument.symbol if instrument else None
    return [_show(call, one) for one in call.exchange.state.conditionals.open_algos_of(call.signer.api_key, symbol)]


def _all_algos(call: Call) -> list[Json]:
    parameters, symbol = call.parameters, call.instrument().symbol
    first, start, end = parameters.integer("algoId"), parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.bounded("limit", 500, 1000)
    check_span(start, end)
    algos = [
        one
        for one in call.exchange.state.conditionals.algos_of(call.signer.api_key)
        if one.symbol == symbol
        and (first is None or one.algo_id >= first)
        and (start is None or one.created_ms >= start)
        and (end is None or one.created_ms <= end)
    ]
    chosen = algos[-limit:] if first is None and start is None else algos[:limit]
    return [_show(call, one) for one in chosen]


ROUTES = (
    Route("POST", "/fapi/v1/algoOrder", _new_algo, 0, security="trade"),
    Route("GET", "/fapi/v1/algoOrder", _query_algo, 1, security="signed"),
    Route("DELETE", "/fapi/v1/algoOrder", _cancel_algo, 1, security="trade"),
    Route("DELETE", "/fapi/v1/algoOpenOrders", _cancel_all, 1, security="trade"),
    Route("GET", "/fapi/v1/openAlgoOrders", _open_algos, weigh=heavier_without("symbol", 1, 40), security="signed"),
    Route("GET", "/fapi/v1/allAlgoOrders", _all_algos, 5, security="signed"),
)
