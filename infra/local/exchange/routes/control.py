"""The control API, /sim: time, accounts, executions, statistics, limits and faults, for this machine only."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, decimals_of, plain
from infra.local.exchange.errors import ControlError
from infra.local.exchange.faults import fault_of
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.routes.wallet import PERMISSIONS
from infra.local.exchange.times import iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.exchange import Exchange
    from infra.local.exchange.records import Execution, Order

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


def _amounts(body: Json, wallet: str) -> dict[str, Decimal]:
    try:
        amounts = {str(asset): Decimal(str(amount)) for asset, amount in (body.get(wallet) or {}).items()}
    except (AttributeError, InvalidOperation) as error:
        msg = f'"{wallet}" must be an object of asset: amount'
        raise ControlError(msg) from error
    for asset, amount in amounts.items():
        if not amount.is_finite() or amount < 0 or decimals_of(amount) > 8:
            msg = f'"{wallet}" {asset}: an amount is not negative and has at most eight decimals'
            raise ControlError(msg)
    return amounts


def _put_account(exchange: Exchange, body: Json, api_key: str) -> Json:
    """Make an account, or refresh its secret and permissions; what is there stays unless "reset" is true."""
    permissions = body.get("permissions") or {}
    unknown = permissions.keys() - PERMISSIONS.keys()
    if unknown:
        msg = f"unknown permissions {sorted(unknown)}; known are {sorted(PERMISSIONS)}"
        raise ControlError(msg)
    spot, futures = _amounts(body, "spot"), _amounts(body, "futures")
    account = exchange.state.accounts.get(api_key)
    secret_key = body.get("secret_key") or (account.secret_key if account else None)
    if not isinstance(secret_key, str) or not secret_key:
        msg = '"secret_key" is missing'
        raise ControlError(msg)
    if account is not None and body.get("reset"):
        exchange.state.forget(account)
        account = None
    if account is None:
        account = Account(api_key, secret_key, created_ms=exchange.market.now_ms())
    account.secret_key = secret_key
    account.permissions |= permissions
    for asset, amount in spot.items():
        account.spot.setdefault(asset, Balance(free=amount))
    for asset, amount in futures.items():
        account.futures.setdefault(asset, amount)
        account.futures_updated_ms = exchange.market.now_ms()
    exchange.state.keep_account(account)
    return _show_account(exchange, account)


def _account(exchange: Exchange, api_key: str) -> Account:
    account = exchange.state.accounts.get(api_key)
    if account is None:
        msg = f"no account has the API key {api_key}"
        raise ControlError(msg, 404)
    return account


def _get_account(exchange: Exchange, body: Json, api_key: str) -> Json:
    del body
    return _show_account(exchange, _account(exchange, api_key))


def _show_account(exchange: Exchange, account: Account) -> Json:
    return {
        "api_key": account.api_key,
        "permissions": {**PERMISSIONS, **account.permissions},
        "spot": {
            asset: {"free": plain(one.free), "locked": plain(one.locked)} for asset, one in sorted(account.spot.items())
        },
        "futures": {asset: {"wallet": plain(amount)} for asset, amount in sorted(account.futures.items())},
        "positions": [
            {
                "symbol": symbol,
                "quantity": plain(one.quantity),
                "entry_price": f"{one.entry_price:f}",
                "cost": plain(one.cost),
                "margin": plain(one.margin),
                "leverage": one.leverage,
                "isolated": one.isolated,
            }
            for symbol, one in sorted(account.positions.items())
            if one.quantity != ZERO
        ],
        "open_orders": [
            _show_order(order) for kind in MarketKind for order in exchange.state.open_orders_of(account.api_key, kind)
        ],
    }


def _show_order(order: Order) -> Json:
    return {
        "market": order.kind.value,
        "symbol": order.symbol,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "side": order.side,
        "type": order.type,
        "price": plain(order.price),
        "quantity": plain(order.quantity),
        "executed_quantity": plain(order.executed_quantity),
        "reduce_only": order.reduce_only,
        "status": order.status,
    }


def _executions(exchange: Exchange, body: Json, api_key: str) -> Json:
    del body
    executions = exchange.state.all_executions_of(_account(exchange, api_key).api_key)
    return {"executions": [_show_execution(exchange, one) for one in executions]}


def _show_execution(exchange: Exchange, one: Execution) -> Json:
    instrument = exchange.market.instruments[one.kind][one.symbol]
    return {
        "market": one.kind.value,
        "symbol": one.symbol,
        "base_asset": instrument.base,
        "quote_asset": instrument.quote,
        "order_id": one.order_id,
        "client_order_id": one.client_order_id,
        "trade_id": one.trade_id,
        "side": one.side,
        "price": plain(one.price),
        "quantity": plain(one.quantity),
        "quote_quantity": plain(one.quote_quantity),
        "commission": plain(one.commission),
        "commission_asset": one.commission_asset,
        "is_maker": one.is_maker,
        "realized_pnl": plain(one.realized_pnl),
        "market_time": iso(one.executed_ms),
    }


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
    ("PUT", re.compile("/sim/accounts/(?P<api_key>[^/]+)"), _put_account),
    ("GET", re.compile("/sim/accounts/(?P<api_key>[^/]+)"), _get_account),
    ("GET", re.compile("/sim/accounts/(?P<api_key>[^/]+)/executions"), _executions),
    ("GET", re.compile("/sim/stats"), _stats),
    ("DELETE", re.compile("/sim/stats"), _reset_stats),
    ("GET", re.compile("/sim/faults"), _get_faults),
    ("POST", re.compile("/sim/faults"), _add_fault),
    ("DELETE", re.compile("/sim/faults"), _clear_faults),
    ("DELETE", re.compile("/sim/faults/(?P<number>[0-9]+)"), _clear_faults),
    ("PUT", re.compile("/sim/limits"), _set_limits),
)
