"""The control API, /sim: time, statistics, limits and faults, with accounts and market, for this machine only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from infra.local.exchange.errors import ControlError
from infra.local.exchange.faults import fault_of
from infra.local.exchange.routes import control_accounts, control_market
from infra.local.exchange.times import iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.exchange import Exchange

Json = dict[str, Any]


def answer_control(exchange: Exchange, method: str, path: str, body: bytes) -> Json:
    """Answer one control request; raises ControlError."""
    for its_method, pattern, act in _ROUTES:
        match = pattern.fullmatch(path) if its_method == method else None
        if match:
            return act(exchange, _object(body), **match.groupdict())
    msg = f"no control route {method} {path}"
    raise ControlError(msg, 404)


def _object(body: bytes) -> Json:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        msg = f"the body is not JSON: {error}"
        raise ControlError(msg) from error
    if not isinstance(value, dict):
        msg = "the body must be a JSON object"
        raise ControlError(msg)
    return value


def _health(exchange: Exchange, body: Json) -> Json:
    del body
    return {"status": "ok", "market": exchange.market.identity()}


def _get_times(exchange: Exchange, body: Json) -> Json:
    del body
    return _times(exchange)


def _times(exchange: Exchange) -> Json:
    end_ms = exchange.market.end_ms()
    return {
        "market_time": iso(exchange.market.now_ms()),
        "market_start": iso(exchange.market.first_ms()),
        "market_end": None if end_ms is None else iso(end_ms),
        "wire_time": iso(exchange.clock.now_ms()),
    }


def _advance(exchange: Exchange, body: Json) -> Json:
    try:
        to_ms = parse_iso(body["to"])
    except (KeyError, TypeError, ValueError) as error:
        msg = 'the body must be {"to": "<ISO time>"}'
        raise ControlError(msg) from error
    return {"filled_orders": exchange.advance(to_ms), **_times(exchange)}


def _stats(exchange: Exchange, body: Json) -> Json:
    del body
    return dict(exchange.traffic.report())


def _reset_stats(exchange: Exchange, body: Json) -> Json:
    del body
    exchange.traffic.reset()
    return dict(exchange.traffic.report())


def _get_faults(exchange: Exchange, body: Json) -> Json:
    del body
    return exchange.faults.report()


def _add_fault(exchange: Exchange, body: Json) -> Json:
    return {"id": exchange.faults.add(fault_of(body), now_ms=exchange.clock.now_ms())}


def _clear_faults(exchange: Exchange, body: Json, number: str | None = None) -> Json:
    """Clear one fault or all; all takes the bans back too."""
    del body
    exchange.faults.clear(None if number is None else int(number))
    if number is None:
        exchange.traffic.forgive()
    return exchange.faults.report()


def _set_limits(exchange: Exchange, body: Json) -> Json:
    """Set the weight per minute of some APIs."""
    for api, weight in body.items():
        if api not in exchange.traffic.weights or type(weight) is not int or weight < 1:
            msg = f'the body must be {{"api": weight per minute}}; APIs are {", ".join(exchange.traffic.weights)}'
            raise ControlError(msg)
    exchange.traffic.weights |= body
    return dict(exchange.traffic.weights)


_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., Json]], ...] = (
    ("GET", re.compile("/sim/health"), _health),
    ("GET", re.compile("/sim/time"), _get_times),
    ("POST", re.compile("/sim/advance"), _advance),
    ("GET", re.compile("/sim/stats"), _stats),
    ("DELETE", re.compile("/sim/stats"), _reset_stats),
    ("GET", re.compile("/sim/faults"), _get_faults),
    ("POST", re.compile("/sim/faults"), _add_fault),
    ("DELETE", re.compile("/sim/faults"), _clear_faults),
    ("DELETE", re.compile("/sim/faults/(?P<number>[0-9]+)"), _clear_faults),
    ("PUT", re.compile("/sim/limits"), _set_limits),
    *control_accounts.ROUTES,
    *control_market.ROUTES,
)
