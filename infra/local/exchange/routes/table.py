"""The whole table, and how a request goes through it: find, weigh, authenticate, answer, make durable."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, get_args

from infra.local.exchange.answer import Answer, Wire
from infra.local.exchange.errors import ApiError, ConnectionLostError, ExchangeError, ThrottleError
from infra.local.exchange.faults import Fault, FaultKind, total_ms
from infra.local.exchange.keys import check_key
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.parameters import Parameters
from infra.local.exchange.refusals import timed_out
from infra.local.exchange.routes import (
    algo_orders,
    futures_account,
    futures_trade,
    income,
    market_data,
    order_lists,
    spot_trade,
    wallet,
)
from infra.local.exchange.routes.route import Api, Call, Route
from infra.local.exchange.signatures import check_signature, check_window, check_window_again, find_account

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.exchange.exchange import Exchange

_BY_API: dict[Api, Iterable[Route]] = {
    "spot": (*market_data.SPOT_ROUTES, *spot_trade.ROUTES, *order_lists.ROUTES),
    "futures": (
        *market_data.FUTURES_ROUTES,
        *futures_trade.ROUTES,
        *futures_account.ROUTES,
        *algo_orders.ROUTES,
        *income.ROUTES,
    ),
    "sapi": wallet.ROUTES,
}
ROUTES: dict[tuple[str, str], tuple[Api, Route]] = {
    (route.method, route.path): (api, route) for api in get_args(Api) for route in _BY_API[api]
}
_ORDERS = {
    ("POST", "/api/v3/order"),
    ("POST", "/api/v3/orderList/oco"),
    ("POST", "/fapi/v1/order"),
    ("POST", "/fapi/v1/algoOrder"),
}
#: How long Binance waits for its matching engine before it answers -1007.
ENGINE_PATIENCE_MS = 10_000


def answer(exchange: Exchange, wire: Wire) -> Answer:
    """Answer one request of Binance's API; raises ConnectionLostError where a fault breaks the connection."""
    exchange.run_late()
    with exchange.lock:
        faults = exchange.faults.meet(wire, exchange.clock.now_ms())
    if any(one.kind is FaultKind.OUTAGE for one in faults):
        msg = "outage"
        raise ConnectionLostError(msg)
    before = next((one for one in faults if one.comes_before), None)
    if before is not None and before.kind is FaultKind.LOSE_REQUEST:
        return before.answer(None)
    try:
        made = _counted_answer(exchange, wire, faults, before)
    except ThrottleError as error:
        made = Answer(error.status, error.body(), error.headers)
    for one in faults:
        if one.comes_after:
            made = one.answer(made)
    if late_ms := total_ms(faults, FaultKind.DELAY):
        exchange.clock.sleep(late_ms)
    return made


def _counted_answer(exchange: Exchange, wire: Wire, faults: list[Fault], before: Fault | None) -> Answer:
    found = ROUTES.get((wire.method, wire.path))
    if found is None:
        return Answer(
            HTTPStatus.NOT_FOUND, {"code": -5000, "msg": f"Path {wire.path}, Method {wire.method} is invalid"}, {}
        )
    api, route = found
    headers: dict[str, str] = {}
    try:
        parameters = Parameters(wire.query, wire.body)
        with exchange.lock:
            for kind in (FaultKind.BAN, FaultKind.THROTTLE):
                if span_ms := total_ms(faults, kind):
                    exchange.traffic.block(api, span_ms, wire.source, is_ban=kind is FaultKind.BAN)
            weight = route.weight_of(parameters)
            headers = exchange.traffic.count(api, f"{wire.method} {wire.path}", weight, wire.source)
        if before is not None:
            return before.answer(None)
        if route.passes_through and not isinstance(exchange.market, MinuteMarket):
            return Answer(*exchange.market.pass_through(api, wire.path, wire.query), headers)
        call = Call(exchange, api, parameters, headers=headers, skew_ms=total_ms(faults, FaultKind.SKEW))
        if route.security == "public":
            with exchange.lock:
                return Answer(HTTPStatus.OK, change(exchange, lambda: route.answer(call)), call.headers)
        authenticate(exchange, route, wire, call)
        return _signed_answer(exchange, route, wire, call, faults)
    except ThrottleError:
        raise
    except ApiError as error:
        return Answer(error.status, error.body(), headers)


def _signed_answer(exchange: Exchange, route: Route, wire: Wire, call: Call, faults: list[Fault]) -> Answer:
    """Take the request to the matching engine, as long as that takes."""
    queue_ms, engine_ms = total_ms(faults, FaultKind.QUEUE), total_ms(faults, FaultKind.ENGINE)
    lag_ms = total_ms(faults, FaultKind.READ_LAG)
    received_ms = call.wire_ms()

    def execute(checked_ms: int, at_ms: int) -> Answer:
        with exchange.lock:
            call.account = find_account(exchange.state.accounts, wire.api_key)
            check_window_again(call.parameters, checked_ms, is_futures=call.api == "futures")
            body = change(exchange, lambda: route.answer(call))
            if wire.method == "GET":
                body = exchange.read_lag.shown(call.api, body, at_ms)
            elif lag_ms and wire.method == "POST":
                exchange.read_lag.hide(call.api, body, at_ms + lag_ms)
            return Answer(HTTPStatus.OK, body, call.headers)

    if queue_ms + engine_ms > ENGINE_PATIENCE_MS:
        due_ms = exchange.clock.now_ms() + queue_ms + engine_ms
        with exchange.lock:
            exchange.late.append((due_ms, lambda: execute(received_ms + queue_ms, due_ms)))
        exchange.clock.sleep(ENGINE_PATIENCE_MS)
        raise timed_out(is_futures=call.api == "futures")
    if queue_ms:
        exchange.clock.sleep(queue_ms)
    checked_ms = call.wire_ms()
    if engine_ms:
        check_window_again(call.parameters, checked_ms, is_futures=call.api == "futures")
        exchange.clock.sleep(engine_ms)
    return execute(checked_ms, exchange.clock.now_ms())


def authenticate(exchange: Exchange, route: Route, wire: Wire, call: Call) -> None:
    """Hold key, signature, timestamp and permission against the account; raises ApiError."""
    with exchange.lock:
        account = find_account(exchange.state.accounts, wire.api_key)
    check_signature(account, wire.query, wire.body, call.parameters)
    check_window(call.parameters, call.wire_ms())
    check_key(account, wire.path, call.wire_ms(), is_trade=route.security == "trade")
    if (wire.method, wire.path) in _ORDERS:
        with exchange.lock:
            exchange.traffic.refuse_more_orders(call.api, account.api_key)


def change(exchange: Exchange, act: Any) -> Any:
    """Run `act` and make its changes durable before anyone hears of them; undo them where it fails half-way."""
    try:
        result = act()
    except ExchangeError:
        if exchange.state.is_changed:
            exchange.state.roll_back()
        raise
    except Exception:
        exchange.state.roll_back()
        raise
    exchange.state.commit()
    return result
