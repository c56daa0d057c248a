"""The few wallet routes (/sapi) that key checks and ccxt ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, fixed
from infra.local.exchange.routes.route import Route

if TYPE_CHECKING:
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]

# What a key may do unless its account says otherwise: trade, but neither withdraw nor transfer.
PERMISSIONS = {
    "ipRestrict": True,
    "enableReading": True,
    "enableSpotAndMarginTrading": True,
    "enableFutures": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableMargin": False,
    "enableVanillaOptions": False,
    "enablePortfolioMarginTrading": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": False,
}


def _restrictions(call: Call) -> Json:
    return {**PERMISSIONS, **call.signer.permissions, "createTime": call.signer.created_ms}


def _coins(call: Call) -> list[Json]:
    assets = sorted({asset for one in call.instruments() for asset in (one.base, one.quote)})
    rows = []
    for asset in assets:
        balance = call.signer.spot.get(asset)
        rows.append(
            {
                "coin": asset,
                "name": asset,
                "free": fixed(balance.free if balance else ZERO),
                "locked": fixed(balance.locked if balance else ZERO),
                "freeze": "0",
                "withdrawing": "0",
                "ipoing": "0",
                "ipoable": "0",
                "storage": "0",
                "isLegalMoney": False,
                "trading": True,
                "depositAllEnable": False,
                "withdrawAllEnable": False,
                "networkList": [],
            }
        )
    return rows


def _trade_fees(call: Call) -> list[Json]:
    fees, chosen = call.exchange.settings.fees, call.optional_instrument()
    return [
        {
            "symbol": one.symbol,
            "makerCommission": fixed(fees.spot_maker_bps / 10_000),
            "takerCommission": fixed(fees.spot_taker_bps / 10_000),
        }
        for one in ([chosen] if chosen else call.instruments())
    ]


def _nothing(call: Call) -> list[Json]:
    """Answer for margin pairs, of which this exchange has none."""
    del call
    return []


def _status(call: Call) -> Json:
    del call
    return {"status": 0, "msg": "normal"}


ROUTES = (
    Route("GET", "/sapi/v1/system/status", _status, 1),
    Route("GET", "/sapi/v1/account/apiRestrictions", _restrictions, 1, security="signed"),
    Route("GET", "/sapi/v1/capital/config/getall", _coins, 10, security="signed"),
    Route("GET", "/sapi/v1/asset/tradeFee", _trade_fees, 1, security="signed"),
    Route("GET", "/sapi/v1/margin/allPairs", _nothing, 1),
    Route("GET", "/sapi/v1/margin/isolated/allPairs", _nothing, 10, security="signed"),
)
