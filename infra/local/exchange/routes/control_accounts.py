"""The control API's accounts: making them, and everything that a reconciliation reads of them."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, decimals_of, plain
from infra.local.exchange.errors import ControlError
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.keys import PERMISSIONS, check_public_key
from infra.local.exchange.records import Account, Balance
from infra.local.exchange.times import iso, parse_iso

if TYPE_CHECKING:
    from infra.local.exchange.conditional import AlgoOrder, OrderList
    from infra.local.exchange.exchange import Exchange
    from infra.local.exchange.records import Execution, Order

Json = dict[str, Any]
_PATH = "/sim/accounts/(?P<api_key>[^/]+)"


def amounts(body: Json, name: str) -> dict[str, Decimal]:
    """Read an object of amounts that are not negative."""
    try:
        read = {str(asset): Decimal(str(amount)) for asset, amount in (body.get(name) or {}).items()}
    except (AttributeError, InvalidOperation) as error:
        msg = f'"{name}" must be an object of asset: amount'
        raise ControlError(msg) from error
    for asset, amount in read.items():
        if not amount.is_finite() or amount < 0 or decimals_of(amount) > 8:
            msg = f'"{name}" {asset}: an amount is not negative and has at most eight decimals'
            raise ControlError(msg)
    return read


def _put_account(exchange: Exchange, body: Json, api_key: str) -> Json:
    """Make an account, or refresh its secret and permissions; what is there stays unless "reset" is true."""
    permissions = body.get("permissions") or {}
    unknown = permissions.keys() - PERMISSIONS.keys()
    if unknown:
        msg = f"unknown permissions {sorted(unknown)}; known are {sorted(PERMISSIONS)}"
        raise ControlError(msg)
    spot, futures = amounts(body, "spot"), amounts(body, "futures")
    account = exchange.state.accounts.get(api_key)
    secret_key = body.get("secret_key") or (account.secret_key if account else None) or body.get("public_key")
    if not isinstance(secret_key, str) or not secret_key:
        msg = '"secret_key" (or "public_key") is missing'
        raise ControlError(msg)
    if account is not None and body.get("reset"):
        exchange.state.forget(account)
        account = None
    if account is None:
        account = Account(api_key, secret_key, created_ms=exchange.market.now_ms())
    account.secret_key = secret_key
    account.permissions |= permissions
    _set_key(account, body)
    for asset, amount in spot.items():
        account.spot.setdefault(asset, Balance(free=amount))
    for asset, amount in futures.items():
        account.futures.setdefault(asset, amount)
        account.futures_updated_ms = exchange.market.now_ms()
    exchange.state.keep_account(account)
    return _show_account(exchange, account)


def _set_key(account: Account, body: Json) -> None:
    """Set what is said of the key; what is not named stays."""
    try:
        if "public_key" in body:
            check_public_key(body["public_key"])
            account.key.public_key = body["public_key"]
        if "trading_expires" in body:
            moment = body["trading_expires"]
            account.key.trading_expires_ms = 0 if moment is None else parse_iso(moment)
    except (AttributeError, TypeError, ValueError) as error:
        msg = '"public_key" is the PEM of an Ed25519 key, "trading_expires" an ISO time or null'
        raise ControlError(msg) from error
    if "key_refused" in body:
        account.key.is_refused = bool(body["key_refused"])
    if "hedge_mode" in body:
        account.is_hedged = bool(body["hedge_mode"])


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
    state, expires_ms = exchange.state, account.key.trading_expires_ms
    return {
        "api_key": account.api_key,
        "key_type": "ED25519" if account.key.public_key else "HMAC",
        "key_refused": account.key.is_refused,
        "trading_expires": iso(expires_ms) if expires_ms else None,
        "hedge_mode": account.is_hedged,
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
        "open_orders": [_order(order) for kind in MarketKind for order in state.open_orders_of(account.api_key, kind)],
        "open_order_lists": [
            _list(one) for one in state.conditionals.lists_of(account.api_key) if exchange.spot.is_open(one)
        ],
        "open_algo_orders": [_algo(one) for one in state.conditionals.open_algos_of(account.api_key)],
    }


def _orders(exchange: Exchange, body: Json, api_key: str) -> Json:
    """Return every order, order list and algo order, open or not."""
    del body
    _account(exchange, api_key)
    state = exchange.state
    books = sorted(book for book in state.orders if book[0] == api_key)
    return {
        "orders": [_order(order) for book in books for order in state.orders[book]],
        "order_lists": [_list(one) for one in state.conditionals.lists_of(api_key)],
        "algo_orders": [_algo(one) for one in state.conditionals.algos_of(api_key)],
    }


def _order(order: Order) -> Json:
    return {
        "market": order.kind.value,
        "symbol": order.symbol,
        "order_id": order.order_id,
        "order_list_id": order.list_id,
        "client_order_id": order.client_order_id,
        "side": order.side,
        "type": order.type,
        "price": plain(order.price),
        "stop_price": plain(order.stop_price),
        "quantity": plain(order.quantity),
        "executed_quantity": plain(order.executed_quantity),
        "reduce_only": order.reduce_only,
        "status": order.status,
        "market_time": iso(order.created_ms),
    }


def _list(one: OrderList) -> Json:
    return {
        "order_list_id": one.list_id,
        "client_order_list_id": one.client_list_id,
        "symbol": one.symbol,
        "order_ids": list(one.order_ids),
        "market_time": iso(one.created_ms),
    }


def _algo(one: AlgoOrder) -> Json:
    return {
        "algo_id": one.algo_id,
        "client_algo_id": one.client_algo_id,
        "symbol": one.symbol,
        "side": one.side,
        "type": one.type,
        "trigger_price": plain(one.trigger_price),
        "quantity": plain(one.quantity),
        "reduce_only": one.reduce_only,
        "close_position": one.close_position,
        "status": one.status,
        "order_id": one.order_id or None,
        "market_time": iso(one.created_ms),
    }


def _executions(exchange: Exchange, body: Json, api_key: str) -> Json:
    del body
    executions = exchange.state.all_executions_of(_account(exchange, api_key).api_key)
    return {"executions": [_execution(exchange, one) for one in executions]}


def _execution(exchange: Exchange, one: Execution) -> Json:
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


def _journal(exchange: Exchange, body: Json, api_key: str) -> Json:
    """Return what moved the wallets and is no execution."""
    del body
    _account(exchange, api_key)
    journal = exchange.state.journal
    return {
        "income": [
            {
                "transaction_id": one.transaction_id,
                "type": one.type,
                "symbol": one.symbol,
                "asset": one.asset,
                "amount": plain(one.amount),
                "market_time": iso(one.received_ms),
            }
            for one in journal.incomes.get(api_key, [])
        ],
        "transfers": [
            {
                "transaction_id": one.transaction_id,
                "type": one.type,
                "asset": one.asset,
                "amount": plain(one.amount),
                "wire_time": iso(one.made_ms),
            }
            for one in journal.transfers.get(api_key, [])
        ],
    }


ROUTES = (
    ("PUT", re.compile(_PATH), _put_account),
    ("GET", re.compile(_PATH), _get_account),
    ("GET", re.compile(f"{_PATH}/orders"), _orders),
    ("GET", re.compile(f"{_PATH}/executions"), _executions),
    ("GET", re.compile(f"{_PATH}/journal"), _journal),
)
