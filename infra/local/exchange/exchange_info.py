"""What exchangeInfo says: the filters of each market in Binance's own shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, decimals_of, fixed, plain
from infra.local.exchange.statuses import TRADING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from infra.local.exchange.instruments import Instrument

    StatusOf = Callable[[Instrument], str]

Json = dict[str, Any]
_ONBOARDED_MS = 1_569_398_400_000
_DELIVERY_MS = 4_133_404_800_000  # 2100-12-25, which Binance writes for a perpetual contract


def _trading(one: Instrument) -> str:
    """Return the status of a symbol of which nothing else is known."""
    del one
    return TRADING


def spot_info(instruments: Iterable[Instrument], status_of: StatusOf = _trading) -> Json:
    """Return the body of /api/v3/exchangeInfo but for time and limits."""
    return {
        "timezone": "UTC",
        "exchangeFilters": [],
        "symbols": [_spot_symbol(one) | {"status": status_of(one)} for one in instruments],
    }


def futures_info(instruments: Iterable[Instrument], status_of: StatusOf = _trading) -> Json:
    """Return the body of /fapi/v1/exchangeInfo but for time and limits."""
    listed = list(instruments)
    return {
        "timezone": "UTC",
        "futuresType": "U_MARGINED",
        "exchangeFilters": [],
        "assets": [
            {"asset": quote, "marginAvailable": True, "autoAssetExchange": "0"}
            for quote in sorted({one.quote for one in listed})
        ],
        "symbols": [_futures_symbol(one) | {"status": status_of(one)} for one in listed],
    }


def _spot_symbol(one: Instrument) -> Json:
    return {
        "symbol": one.symbol,
        "status": "TRADING",
        "baseAsset": one.base,
        "baseAssetPrecision": 8,
        "quoteAsset": one.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS"],
        "icebergAllowed": False,
        "ocoAllowed": True,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _spot_filters(one),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    }


def _spot_filters(one: Instrument) -> list[Json]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": fixed(one.min_price),
            "maxPrice": fixed(one.max_price),
            "tickSize": fixed(one.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": fixed(one.min_quantity),
            "maxQty": fixed(one.max_quantity),
            "stepSize": fixed(one.step_size),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": fixed(ZERO),
            "maxQty": fixed(one.market_max_quantity),
            "stepSize": fixed(ZERO),
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": plain(one.price_up),
            "bidMultiplierDown": plain(one.price_down),
            "askMultiplierUp": plain(one.price_up),
            "askMultiplierDown": plain(one.price_down),
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": fixed(one.min_notional),
            "applyMinToMarket": True,
            "maxNotional": fixed(one.max_notional),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": one.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": one.max_stops},
    ]


def _futures_symbol(one: Instrument) -> Json:
    first = one.brackets[0]
    return {
        "symbol": one.symbol,
        "pair": one.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _DELIVERY_MS,
        "onboardDate": _ONBOARDED_MS,
        "status": "TRADING",
        "maintMarginPercent": plain(first.maintenance_rate * 100),
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.base,
        "quoteAsset": one.quote,
        "marginAsset": one.quote,
        "pricePrecision": decimals_of(one.tick_size),
        "quantityPrecision": decimals_of(one.step_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10_000,
        "filters": _futures_filters(one),
        "orderTypes": [
            "LIMIT",
            "MARKET",
            "STOP",
            "STOP_MARKET",
            "TAKE_PROFIT",
            "TAKE_PROFIT_MARKET",
            "TRAILING_STOP_MARKET",
        ],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _futures_filters(one: Instrument) -> list[Json]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": plain(one.min_price),
            "maxPrice": plain(one.max_price),
            "tickSize": plain(one.tick_size),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": plain(one.min_quantity),
            "maxQty": plain(one.max_quantity),
            "stepSize": plain(one.step_size),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": plain(one.min_quantity),
            "maxQty": plain(one.market_max_quantity),
            "stepSize": plain(one.step_size),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": one.max_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": one.max_stops},
        {"filterType": "MIN_NOTIONAL", "notional": plain(one.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": fixed(one.price_up, 4),
            "multiplierDown": fixed(one.price_down, 4),
            "multiplierDecimal": "4",
        },
    ]
