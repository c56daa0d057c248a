"""Spot orders, trades and accounts as Binance's bodies show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, fixed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.exchange.conditional import OrderList
    from infra.local.exchange.records import Account, Execution, Order
    from infra.local.exchange.settings import Fees

Json = dict[str, Any]


def acknowledgement(order: Order) -> Json:
    """Return the ACK answer to a new order."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        "transactTime": order.updated_ms,
    }


def result(order: Order) -> Json:
    """Return the RESULT answer to a new order."""
    return acknowledgement(order) | _amounts(order) | _stop(order) | {"workingTime": _working(order), **_prevention()}


def full(order: Order, executions: Iterable[Execution]) -> Json:
    """Return the FULL answer to a new order."""
    fills = [
        {
            "price": fixed(one.price),
            "qty": fixed(one.quantity),
            "commission": fixed(one.commission),
            "commissionAsset": one.commission_asset,
            "tradeId": one.trade_id,
        }
        for one in executions
    ]
    return result(order) | {"fills": fills}


def order_list(one: OrderList, legs: Iterable[Order]) -> Json:
    """Return an order list as queries show it."""
    legs = list(legs)
    is_open = any(order.is_open for order in legs)
    return {
        "orderListId": one.list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if is_open else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if is_open else "ALL_DONE",
        "listClientOrderId": one.client_list_id,
        "transactionTime": one.updated_ms,
        "symbol": one.symbol,
        "orders": [
            {"symbol": order.symbol, "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in legs
        ],
    }


def queried(order: Order) -> Json:
    """Return an order as queries show it."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": order.client_order_id,
        **_amounts(order),
        "stopPrice": fixed(order.stop_price),
        "icebergQty": fixed(ZERO),
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": not order.is_waiting,
        "workingTime": _working(order),
        **_prevention(),
    }


def canceled(order: Order, cancel_id: str) -> Json:
    """Return the answer to a cancel, which carries a client id of its own."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": order.list_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_ms,
        **_amounts(order),
        **_stop(order),
        **_prevention(),
    }


def trade(one: Execution, list_id: int) -> Json:
    """Return an execution as myTrades shows it."""
    return {
        "symbol": one.symbol,
        "id": one.trade_id,
        "orderId": one.order_id,
        "orderListId": list_id,
        "price": fixed(one.price),
        "qty": fixed(one.quantity),
        "quoteQty": fixed(one.quote_quantity),
        "commission": fixed(one.commission),
        "commissionAsset": one.commission_asset,
        "time": one.executed_ms,
        "isBuyer": one.side == "BUY",
        "isMaker": one.is_maker,
        "isBestMatch": True,
    }


def account(one: Account, fees: Fees, assets: Iterable[str], *, omit_zero: bool) -> Json:
    """Return the account with its balances; assets without one are shown with zeros unless omitted."""
    shown = sorted(set(assets) | one.spot.keys())
    balances = []
    for asset in shown:
        balance = one.spot.get(asset)
        free, locked = (balance.free, balance.locked) if balance else (ZERO, ZERO)
        if free or locked or not omit_zero:
            balances.append({"asset": asset, "free": fixed(free), "locked": fixed(locked)})
    maker, taker = fixed(fees.spot_maker_bps / 10_000), fixed(fees.spot_taker_bps / 10_000)
    return {
        "makerCommission": int(fees.spot_maker_bps),
        "takerCommission": int(fees.spot_taker_bps),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {"maker": maker, "taker": taker, "buyer": fixed(ZERO), "seller": fixed(ZERO)},
        "canTrade": one.permissions.get("enableSpotAndMarginTrading", True),
        "canWithdraw": one.permissions.get("enableWithdrawals", False),
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": one.created_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": 1,
    }


def _amounts(order: Order) -> Json:
    return {
        "price": fixed(order.price),
        "origQty": fixed(order.quantity),
        "executedQty": fixed(order.executed_quantity),
        "origQuoteOrderQty": fixed(order.quote_quantity),
        "cummulativeQuoteQty": fixed(order.executed_quote),  # Binance's spelling
        "status": order.status,
        "timeInForce": order.time_in_force,
        "type": order.type,
        "side": order.side,
    }


def _stop(order: Order) -> Json:
    return {"stopPrice": fixed(order.stop_price)} if order.stop_price else {}


def _working(order: Order) -> int:
    """Return when the order went onto the book; -1 while it waits for its stop price."""
    return order.working_ms or -1


def _prevention() -> Json:
    return {"selfTradePreventionMode": "EXPIRE_MAKER"}
