"""Request weights of the endpoints that are called, by ccxt's implicit method names. Source: Binance's API pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Of an address in a minute, where the exchange has not said yet.
WEIGHT_PER_MINUTE = {"spot": 6_000, "futures": 2_400}
#: An endpoint that is not listed costs more than most.
UNKNOWN_WEIGHT = 20
USED_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
#: Candles of a page. Spot weighs every page alike; futures weigh one of 499 as 2 and one of 1,000 as 5.
CANDLE_PAGE = {"spot": 1_000, "futures": 499}
CANDLE_PAGE_WEIGHT = {"spot": 2, "futures": 2}

_Weight = int | tuple[str, int, int]
#: A number; or a parameter's name with the weights with it and without it.
_WEIGHTS: dict[str, _Weight] = {
    "publicGetTime": 1,
    "publicGetExchangeInfo": 20,
    "publicGetKlines": 2,
    "publicGetTickerPrice": ("symbol", 2, 4),
    "privatePostOrder": 1,
    "privateDeleteOrder": 1,
    "privateGetOrder": 4,
    "privateGetOpenOrders": ("symbol", 6, 80),
    "privateGetAllOrders": 20,
    "privateGetMyTrades": ("orderId", 5, 20),
    "privateGetAccount": 20,
    "privatePostOrderListOco": 1,
    "privateGetOrderList": 4,
    "privateDeleteOrderList": 1,
    # The wallet's endpoints have a limit of their own, far above what is sent.
    "sapiGetAccountApiRestrictions": 1,
    "sapiPostAssetTransfer": 1,
    "sapiGetAssetTransfer": 1,
    "fapiPublicGetTime": 1,
    "fapiPublicGetExchangeInfo": 1,
    # Binance counts it apart, 500 in five minutes.
    "fapiPublicGetFundingRate": 1,
    "fapiPublicV2GetTickerPrice": ("symbol", 1, 2),
    # Orders count against the account's order limits, and 0 against the address.
    "fapiPrivatePostOrder": 1,
    "fapiPrivateDeleteOrder": 1,
    "fapiPrivateGetOrder": 1,
    "fapiPrivateGetOpenOrders": ("symbol", 1, 40),
    "fapiPrivateGetAllOrders": 5,
    "fapiPrivateGetUserTrades": 5,
    "fapiPrivatePostAlgoOrder": 1,
    "fapiPrivateDeleteAlgoOrder": 1,
    "fapiPrivateGetAlgoOrder": 1,
    "fapiPrivateGetOpenAlgoOrders": ("symbol", 1, 40),
    "fapiPrivateGetAccountConfig": 5,
    "fapiPrivateV3GetBalance": 5,
    "fapiPrivateV2GetAccount": 5,
    "fapiPrivateV2GetPositionRisk": 5,
    "fapiPrivatePostMarginType": 1,
    "fapiPrivatePostLeverage": 1,
    "fapiPrivateGetIncome": 30,
}


def weight_of(method: str, parameters: Mapping[str, Any]) -> int:
    """Return what a call of an implicit method costs."""
    if method == "fapiPublicGetKlines":
        return _futures_klines(int(parameters.get("limit", 500)))
    weight = _WEIGHTS.get(method, UNKNOWN_WEIGHT)
    if isinstance(weight, int):
        return weight
    name, with_it, without = weight
    return with_it if name in parameters else without


def _futures_klines(limit: int) -> int:
    steps: tuple[tuple[Callable[[int], bool], int], ...] = (
        (lambda most: most < 100, 1),
        (lambda most: most < 500, 2),
        (lambda most: most <= 1_000, 5),
    )
    return next((weight for fits, weight in steps if fits(limit)), 10)


def is_listed(method: str) -> bool:
    """Tell whether the weight of a method is known."""
    return method in _WEIGHTS or method == "fapiPublicGetKlines"
