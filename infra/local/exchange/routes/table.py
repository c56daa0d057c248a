"""The whole table, and how a request goes through it: find, weigh, authenticate, answer, make durable."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from infra.local.exchange.errors import ApiError, ExchangeError, key_rejected
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.parameters import Parameters
from infra.local.exchange.routes import futures_account, futures_trade, market_data, spot_trade, wallet
from infra.local.exchange.routes.route import Api, Call, Route
from infra.local.exchange.signatures import check_signature, check_window, find_account
from infra.local.exchange.times import wire_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.exchange.exchange import Exchange

_BY_API: dict[Api, Iterable[Route]] = {
    "spot": (*market_data.SPOT_ROUTES, *spot_trade.ROUTES),
    "futures": (*market_data.FUTURES_ROUTES, *futures_trade.ROUTES, *futures_account.ROUTES),
    "sapi": wallet.ROUTES,
}
ROUTES: dict[tuple[str, str], tuple[Api, Route]] = {
    (route.method, route.path): (api, route) for api in get_args(Api) for route in _BY_API[api]
}
_PERMISSION = {"spot": "enableSpotAndMarginTrading", "futures": "enableFutures", "sapi": "enableReading"}


class Answer(NamedTuple):
    """A status, a body that becomes JSON (or is JSON already), and headers beside the usual ones."""

    status: int
    body: Any
    headers: dict[str, str]


def answer(exchange: Exchange, method: str, path: str, query: str, body: str, api_key: str | None) -> Answer:
    """Answer one request of Binance's API."""
    found = ROUTES.get((method, path))
    if found is None:
        return Answer(HTTPStatus.NOT_FOUND, {"code": -1000, "msg": f"Not found: {method} {path}"}, {})
    api, route = found
    headers: dict[str, str] = {}
    try:
        parameters = Parameters(query, body)
        with exchange.lock:
            headers = exchange.traffic.count(api, f"{method} {path}", route.weight_of(parameters))
        if route.passes_through and not isinstance(exchange.market, MinuteMarket):
            status, text = exchange.market.pass_through(api, path, query)
            return Answer(status, text, headers)
        if route.security != "public":
            check_window_of(parameters)
        with exchange.lock:
            call = Call(exchange, api, path, query, parameters, headers=headers)
            if route.security != "public":
                _authenticate(call, route, body, api_key)
            return Answer(HTTPStatus.OK, change(exchange, lambda: route.answer(call)), call.headers)
    except ApiError as error:
        return Answer(error.status, error.body(), headers)


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


def check_window_of(parameters: Parameters) -> None:
    """Look at the timestamp on receipt; the same is done again under the lock, just before the order is matched."""
    if "timestamp" in parameters:
        check_window(parameters, wire_ms())


def _authenticate(call: Call, route: Route, body: str, api_key: str | None) -> None:
    account = find_account(call.exchange.state.accounts, api_key)
    check_signature(account, call.query, body, call.parameters)
    check_window(call.parameters, wire_ms())
    if route.security == "trade" and not account.permissions.get(_PERMISSION[call.api], True):
        raise key_rejected()
    call.account = account
