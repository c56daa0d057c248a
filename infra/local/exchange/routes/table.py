"""The whole table, and how a request goes through it: find, weigh, authenticate, answer, make durable."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from infra.local.exchange.errors import ApiError, ExchangeError, key_rejected
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.parameters import Parameters
from infra.local.exchange.routes import (
    algo_orders,
    futures_account,
    futures_trade,
    market_data,
    order_lists,
    spot_trade,
    wallet,
)
from infra.local.exchange.routes.route import Api, Call, Route
from infra.local.exchange.signatures import check_signature, check_window, check_window_again, find_account
from infra.local.exchange.times import wire_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.exchange.exchange import Exchange

_BY_API: dict[Api, Iterable[Route]] = {
    "spot": (*market_data.SPOT_ROUTES, *spot_trade.ROUTES, *order_lists.ROUTES),
    "futures": (*market_data.FUTURES_ROUTES, *futures_trade.ROUTES, *futures_account.ROUTES, *algo_orders.ROUTES),
    "sapi": wallet.ROUTES,
}
ROUTES: dict[tuple[str, str], tuple[Api, Route]] = {
    (route.method, route.path): (api, route) for api in get_args(Api) for route in _BY_API[api]
}
_PERMISSION = {"api": "enableSpotAndMarginTrading", "fapi": "enableFutures", "sapi": "enableReading"}


class Answer(NamedTuple):
    """A status, a body that becomes JSON (or is JSON already), and headers beside the usual ones."""

    status: int
    body: Any
    headers: dict[str, str]


class Wire(NamedTuple):
    """A request as it came in."""

    method: str
    path: str
    query: str
    body: str
    api_key: str | None


def answer(exchange: Exchange, wire: Wire) -> Answer:
    """Answer one request of Binance's API."""
    name = f"{wire.method} {wire.path}"
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
            headers = exchange.traffic.count(api, name, route.weight_of(parameters))
        if route.passes_through and not isinstance(exchange.market, MinuteMarket):
            return Answer(*exchange.market.pass_through(api, wire.path, wire.query), headers)
        call = Call(exchange, api, parameters, headers=headers)
        if route.security != "public":
            authenticate(exchange, route, wire, parameters)
        with exchange.lock:
            if route.security != "public":
                call.account = find_account(exchange.state.accounts, wire.api_key)
                check_window_again(parameters, wire_ms(), is_futures=api == "futures")
            return Answer(HTTPStatus.OK, change(exchange, lambda: route.answer(call)), call.headers)
    except ApiError as error:
        return Answer(error.status, error.body(), headers)


def authenticate(exchange: Exchange, route: Route, wire: Wire, parameters: Parameters) -> None:
    """Hold key, signature, timestamp and permission against the account; raises ApiError."""
    with exchange.lock:
        account = find_account(exchange.state.accounts, wire.api_key)
    check_signature(account, wire.query, wire.body, parameters)
    check_window(parameters, wire_ms())
    permission = _PERMISSION[wire.path.split("/")[1]]
    if route.security == "trade" and not account.permissions.get(permission, True):
        raise key_rejected()


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
