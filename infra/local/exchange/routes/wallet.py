"""The few wallet routes (/sapi): key checks, transfers, and what ccxt asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, fixed, plain
from infra.local.exchange.errors import ApiError, mandatory
from infra.local.exchange.keys import PERMISSIONS, check_transfer
from infra.local.exchange.routes.route import Route
from infra.local.exchange.times import DAY_MS
from infra.local.exchange.transfers import TO_FUTURES, TO_SPOT, transfer

if TYPE_CHECKING:
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]


def _restrictions(call: Call) -> Json:
    account = call.signer
    shown: Json = {**PERMISSIONS, **account.permissions, "createTime": account.created_ms}
    if account.key.trading_expires_ms:
        shown["tradingAuthorityExpirationTime"] = account.key.trading_expires_ms
    return shown


def _transfer(call: Call) -> Json:
    check_transfer(call.signer)
    type_, asset = _transfer_type(call), call.parameters.text("asset")
    amount = call.parameters.decimal("amount")
    if amount is None:
        raise mandatory("amount")
    return {"tranId": transfer(call.exchange, call.signer, type_, asset, amount).transaction_id}


def _transfer_type(call: Call) -> str:
    call.parameters.text("type")
    invalid = ApiError(-1130, "Data sent for parameter 'type' is not valid.")
    return call.parameters.choice("type", (TO_FUTURES, TO_SPOT), invalid) or ""


def _transfers(call: Call) -> Json:
    """Return transfers of one type, the newest first; without times those of the last week."""
    parameters, type_ = call.parameters, _transfer_type(call)
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    current, size = parameters.bounded("current", 1, 1_000_000), parameters.bounded("size", 10, 100)
    if start is None and end is None:
        start = call.wire_ms() - 7 * DAY_MS
    found = [
        one
        for one in reversed(call.exchange.state.journal.transfers.get(call.signer.api_key, []))
        if one.type == type_ and (start is None or one.made_ms >= start) and (end is None or one.made_ms <= end)
    ]
    rows = [
        {
            "asset": one.asset,
            "amount": plain(one.amount),
            "type": one.type,
            "status": "CONFIRMED",
            "tranId": one.transaction_id,
            "timestamp": one.made_ms,
        }
        for one in found[(current - 1) * size : current * size]
    ]
    return {"total": len(found), "rows": rows} if found else {"total": 0}


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
    Route("POST", "/sapi/v1/asset/transfer", _transfer, 1, security="signed"),  # its 900 count by account
    Route("GET", "/sapi/v1/asset/transfer", _transfers, 1, security="signed"),
    Route("GET", "/sapi/v1/capital/config/getall", _coins, 10, security="signed"),
    Route("GET", "/sapi/v1/asset/tradeFee", _trade_fees, 1, security="signed"),
    Route("GET", "/sapi/v1/margin/allPairs", _nothing, 1),
    Route("GET", "/sapi/v1/margin/isolated/allPairs", _nothing, 10, security="signed"),
)
