"""Every request that sends, queries or cancels one thing, with the answer that would be good."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from tradebot.domain.order import OcoRequest, OrderRequest, OrderType, Side, StopRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.exchange.binance_futures import BinanceFuturesClient
    from tradebot.exchange.binance_spot import BinanceSpotClient

    Client = BinanceSpotClient | BinanceFuturesClient

SIGNED_AT_MS = 1678701600000
ORDER_ID = "tb1-abcdefghijklmnopqrstuvwx"
STOP_ID = "tb1-ssssssssssssssssssssssss"
TAKE_PROFIT_ID = "tb1-tttttttttttttttttttttttt"
LIST_ID = "tb1-llllllllllllllllllllllll"

SPOT_ORDER: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": ORDER_ID,
    "transactTime": 1678701600123,
    "price": "0.00000000",
    "origQty": "0.00100000",
    "executedQty": "0.00100000",
    "cummulativeQuoteQty": "22.15000010",
    "status": "FILLED",
    "timeInForce": "GTC",
    "type": "MARKET",
    "side": "BUY",
    "fills": [
        {"price": "22150.00", "qty": "0.00040000", "commission": "0.00000040", "commissionAsset": "BTC", "tradeId": 56},
        {"price": "22150.01", "qty": "0.00060000", "commission": "0.00000060", "commissionAsset": "BTC", "tradeId": 57},
    ],
}
SPOT_CANCELED: dict[str, Any] = {
    **{name: value for name, value in SPOT_ORDER.items() if name != "fills"},
    "origClientOrderId": ORDER_ID,
    "clientOrderId": "the-cancels-own",
    "type": "LIMIT",
    "price": "23000.00",
    "status": "CANCELED",
    "executedQty": "0.00000000",
    "cummulativeQuoteQty": "0.00000000",
}
FUTURES_ORDER: dict[str, Any] = {
    "orderId": 29,
    "symbol": "BTCUSDT",
    "status": "FILLED",
    "clientOrderId": ORDER_ID,
    "price": "0.00",
    "avgPrice": "22150.10",
    "origQty": "0.001",
    "executedQty": "0.001",
    "cumQuote": "22.15010",
    "timeInForce": "GTC",
    "type": "MARKET",
    "reduceOnly": False,
    "closePosition": False,
    "side": "BUY",
    "positionSide": "BOTH",
    "stopPrice": "0.00",
    "workingType": "CONTRACT_PRICE",
    "origType": "MARKET",
    "updateTime": 1678701600123,
}
FUTURES_CANCELED = {**FUTURES_ORDER, "type": "LIMIT", "status": "CANCELED", "executedQty": "0", "cumQuote": "0"}


def leg(order_id: int, own_id: str, **fields: Any) -> dict[str, Any]:
    return {
        **{name: value for name, value in SPOT_ORDER.items() if name != "fills"},
        "orderId": order_id,
        "orderListId": 7,
        "clientOrderId": own_id,
        "side": "SELL",
        "status": "NEW",
        "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        **fields,
    }


STOP_LEG = leg(31, STOP_ID, type="STOP_LOSS", stopPrice="21000.00")
TAKE_PROFIT_LEG = leg(32, TAKE_PROFIT_ID, type="LIMIT_MAKER", price="23000.00")
NAMED_LIST: dict[str, Any] = {
    "orderListId": 7,
    "contingencyType": "OCO",
    "listStatusType": "EXEC_STARTED",
    "listOrderStatus": "EXECUTING",
    "listClientOrderId": LIST_ID,
    "transactionTime": 1678701600123,
    "symbol": "BTCUSDT",
    "orders": [
        {"symbol": "BTCUSDT", "orderId": 31, "clientOrderId": STOP_ID},
        {"symbol": "BTCUSDT", "orderId": 32, "clientOrderId": TAKE_PROFIT_ID},
    ],
}
PLACED_LIST = {**NAMED_LIST, "orderReports": [STOP_LEG, TAKE_PROFIT_LEG]}
CANCELED_LIST = {
    **NAMED_LIST,
    "listStatusType": "ALL_DONE",
    "listOrderStatus": "ALL_DONE",
    "orderReports": [
        {**one, "origClientOrderId": one["clientOrderId"], "clientOrderId": "the-cancels-own", "status": "CANCELED"}
        for one in (STOP_LEG, TAKE_PROFIT_LEG)
    ],
}
STOP: dict[str, Any] = {
    "algoId": 2146760,
    "clientAlgoId": STOP_ID,
    "algoType": "CONDITIONAL",
    "orderType": "STOP_MARKET",
    "symbol": "BTCUSDT",
    "side": "SELL",
    "positionSide": "BOTH",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "algoStatus": "NEW",
    "triggerPrice": "21000.00",
    "price": "0",
    "workingType": "CONTRACT_PRICE",
    "reduceOnly": True,
    "createTime": 1678701600123,
    "updateTime": 1678701600123,
}
QUERIED_STOP = {**STOP, "actualOrderId": "", "actualPrice": "0.00000000"}

FLAT: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "positionSide": "BOTH",
    "positionAmt": "0.000",
    "entryPrice": "0.0",
    "liquidationPrice": "0",
    "leverage": "20",
    "isolatedWallet": "0",
}

ORDER = OrderRequest("BTCUSDT", Side.BUY, OrderType.MARKET, Decimal("0.001"), ORDER_ID)
OCO = OcoRequest(
    "BTCUSDT", Side.SELL, Decimal("0.001"), LIST_ID, Decimal(21000), STOP_ID, Decimal(23000), TAKE_PROFIT_ID
)
STOP_REQUEST = StopRequest("BTCUSDT", Side.SELL, Decimal("0.001"), Decimal(21000), STOP_ID)


@dataclass(frozen=True)
class Ask:
    """One request."""

    name: str
    market: Literal["spot", "futures"]
    kind: Literal["send", "query", "cancel"]
    call: Callable[[Any], object]
    good: dict[str, Any]
    #: Fields without which the answer says nothing, by their path.
    needs: tuple[str, ...]
    #: Those of them that may hold any text.
    free_texts: tuple[str, ...] = ("type",)


_ORDER_FIELDS = ("symbol", "orderId", "clientOrderId", "status", "side", "type", "origQty", "executedQty")
_SPOT = (*_ORDER_FIELDS, "cummulativeQuoteQty", "transactTime")
_FUTURES = (*_ORDER_FIELDS, "cumQuote", "updateTime")
_LIST = ("orderListId", "listClientOrderId", "listOrderStatus", "symbol", "orders", "orderReports")
_STOP = ("algoId", "clientAlgoId", "symbol", "side", "algoStatus", "quantity", "triggerPrice")

ASKS = (
    Ask("send", "spot", "send", lambda client: client.send_order(ORDER, SIGNED_AT_MS), SPOT_ORDER, _SPOT),
    Ask("send", "futures", "send", lambda client: client.send_order(ORDER, SIGNED_AT_MS), FUTURES_ORDER, _FUTURES),
    Ask("place list", "spot", "send", lambda client: client.place_oco(OCO, SIGNED_AT_MS), PLACED_LIST, _LIST),
    Ask("place stop", "futures", "send", lambda client: client.place_stop(STOP_REQUEST, SIGNED_AT_MS), STOP, _STOP),
    Ask("find", "spot", "query", lambda client: client.find_order("BTCUSDT", ORDER_ID), SPOT_ORDER, _SPOT),
    Ask("find", "futures", "query", lambda client: client.find_order("BTCUSDT", ORDER_ID), FUTURES_ORDER, _FUTURES),
    Ask("find stop", "futures", "query", lambda client: client.find_stop(STOP_ID), QUERIED_STOP, _STOP, ("symbol",)),
    Ask(
        "cancel",
        "spot",
        "cancel",
        lambda client: client.cancel_order("BTCUSDT", ORDER_ID),
        SPOT_CANCELED,
        tuple("origClientOrderId" if name == "clientOrderId" else name for name in _SPOT),
    ),
    Ask(
        "cancel",
        "futures",
        "cancel",
        lambda client: client.cancel_order("BTCUSDT", ORDER_ID),
        FUTURES_CANCELED,
        _FUTURES,
    ),
    Ask(
        "cancel list",
        "spot",
        "cancel",
        lambda client: client.cancel_order_list("BTCUSDT", LIST_ID),
        CANCELED_LIST,
        _LIST,
    ),
    Ask(
        "cancel stop",
        "futures",
        "cancel",
        lambda client: client.cancel_stop(STOP_ID),
        {"algoId": 2146760, "clientAlgoId": STOP_ID, "code": "200", "msg": "success"},
        ("clientAlgoId", "code"),
    ),
)
