"""Signed futures routes: leverage, margin type, positions, balances and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange import futures_views as views
from infra.local.exchange.decimals import ZERO, fixed, plain
from infra.local.exchange.errors import ApiError
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.routes.route import Route, heavier_without

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.records import Position
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]
FUTURES = MarketKind.FUTURES


def _set_leverage(call: Call) -> Json:
    instrument = call.instrument()
    leverage = call.parameters.integer("leverage")
    if leverage is None:
        raise ApiError(-1102, "Mandatory parameter 'leverage' was not sent, was empty/null, or malformed.")
    if not 1 <= leverage <= instrument.brackets[0].max_leverage:
        raise ApiError(-4028, f"Leverage {leverage} is not valid")
    account, desk = call.signer, call.exchange.futures
    position = account.position(instrument.symbol)
    allowed = instrument.allowed_notional(leverage)
    if position.cost > allowed:
        raise ApiError(-2027, "Exceeded the maximum allowable position at current leverage.")
    if position.isolated and position.quantity and leverage < position.leverage:
        raise ApiError(-4161, "Leverage reduction is not supported in Isolated Margin Mode with open positions.")
    before, position.leverage = position.leverage, leverage
    account.keep(position)
    if leverage < before and position.quantity and not desk.available(account, instrument.quote):
        position.leverage = before
        raise ApiError(-2028, "Leverage is smaller than permitted: insufficient margin balance")
    call.exchange.state.keep_account(account)
    return {"leverage": leverage, "maxNotionalValue": plain(allowed), "symbol": instrument.symbol}


def _set_margin_type(call: Call) -> Json:
    instrument = call.instrument()
    call.parameters.text("marginType")
    invalid = ApiError(-1130, "Data sent for parameter 'marginType' is not valid.")
    is_isolated = call.parameters.choice("marginType", ("ISOLATED", "CROSSED"), invalid) == "ISOLATED"
    account = call.signer
    position = account.position(instrument.symbol)
    if position.isolated == is_isolated:
        raise ApiError(-4046, "No need to change margin type.")
    if call.exchange.state.open_orders_of(account.api_key, FUTURES, instrument.symbol):
        raise ApiError(-4047, "Margin type cannot be changed if there exists open orders.")
    if position.quantity:
        raise ApiError(-4048, "Margin type cannot be changed if there exists position.")
    position.isolated = is_isolated
    account.keep(position)
    call.exchange.state.keep_account(account)
    return {"code": 200, "msg": "success"}


def _position_mode(call: Call) -> Json:
    return {"dualSidePosition": call.signer.is_hedged}


def _set_position_mode(call: Call) -> Json:
    call.parameters.text("dualSidePosition")
    account, wanted = call.signer, call.parameters.boolean("dualSidePosition")
    if wanted == account.is_hedged:
        raise ApiError(-4059, "No need to change position side.")
    if call.exchange.state.open_orders_of(account.api_key, FUTURES):
        raise ApiError(-4067, "Position side cannot be changed if there exists open orders.")
    if any(one.quantity for one in account.positions.values()):
        raise ApiError(-4068, "Position side cannot be changed if there exists position.")
    account.is_hedged = wanted  # orders of a hedged account are refused: this exchange trades one-way positions only
    call.exchange.state.keep_account(account)
    return {"code": 200, "msg": "success"}


def _asset_mode(call: Call) -> Json:
    del call
    return {"multiAssetsMargin": False}


def _position(call: Call, instrument: Instrument) -> Position:
    return call.signer.position(instrument.symbol)


def _position_risk_v2(call: Call) -> list[Json]:
    chosen = call.optional_instrument()
    desk, account = call.exchange.futures, call.signer
    shown = [chosen] if chosen else call.instruments()
    return [views.position_risk(desk, account, one, _position(call, one), 2) for one in shown]


def _position_risk_v3(call: Call) -> list[Json]:
    """Return only symbols with a position or a resting order, as v3 does."""
    chosen = call.optional_instrument()
    desk, account, state = call.exchange.futures, call.signer, call.exchange.state
    return [
        views.position_risk(desk, account, one, _position(call, one), 3)
        for one in ([chosen] if chosen else call.instruments())
        if _position(call, one).quantity or state.open_orders_of(account.api_key, FUTURES, one.symbol)
    ]


def _assets(call: Call) -> list[str]:
    return sorted({one.quote for one in call.instruments()} | call.signer.futures.keys())


def _balances(call: Call) -> list[Json]:
    instruments = call.exchange.market.instruments[FUTURES]
    return [views.balance(call.exchange.futures, call.signer, asset, instruments) for asset in _assets(call)]


def _account(call: Call, version: int) -> Json:
    desk, account, state = call.exchange.futures, call.signer, call.exchange.state
    instruments = call.exchange.market.instruments[FUTURES]
    assets = [views.account_asset(desk, account, asset, instruments) for asset in _assets(call)]
    main: Json = next((one for one in assets if one["asset"] == "USDT"), {})
    positions = [
        views.account_position(desk, account, one, _position(call, one), version)
        for one in instruments.values()
        if version == 2 or _position(call, one).quantity or state.open_orders_of(account.api_key, FUTURES, one.symbol)
    ]
    totals = {
        "totalInitialMargin": "initialMargin",
        "totalMaintMargin": "maintMargin",
        "totalWalletBalance": "walletBalance",
        "totalUnrealizedProfit": "unrealizedProfit",
        "totalMarginBalance": "marginBalance",
        "totalPositionInitialMargin": "positionInitialMargin",
        "totalOpenOrderInitialMargin": "openOrderInitialMargin",
        "totalCrossWalletBalance": "crossWalletBalance",
        "totalCrossUnPnl": "crossUnPnl",
        "availableBalance": "availableBalance",
        "maxWithdrawAmount": "maxWithdrawAmount",
    }
    body: Json = {total: main.get(name, fixed(ZERO)) for total, name in totals.items()}
    if version == 2:
        body |= {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True, "feeBurn": False}
        body |= {"updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1}
    return body | {"assets": assets, "positions": positions}


def _account_config(call: Call) -> Json:
    return {
        "feeTier": 0,
        "canTrade": call.signer.permissions.get("enableFutures", True),
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": call.signer.is_hedged,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
    }


def _symbol_config(call: Call) -> list[Json]:
    chosen = call.optional_instrument()
    rows = []
    for one in [chosen] if chosen else call.instruments():
        position = _position(call, one)
        allowed = one.allowed_notional(position.leverage)
        rows.append(
            {
                "symbol": one.symbol,
                "marginType": "ISOLATED" if position.isolated else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": position.leverage,
                "maxNotionalValue": plain(allowed),
            }
        )
    return rows


def _leverage_brackets(call: Call) -> Any:
    chosen = call.optional_instrument()
    return [views.leverage_bracket(one) for one in ([chosen] if chosen else call.instruments())]


def _commission_rate(call: Call) -> Json:
    fees = call.exchange.settings.fees
    return {
        "symbol": call.instrument().symbol,
        "makerCommissionRate": fixed(fees.futures_maker_bps / 10_000, 6),
        "takerCommissionRate": fixed(fees.futures_taker_bps / 10_000, 6),
    }


ROUTES = (
    Route("POST", "/fapi/v1/leverage", _set_leverage, 1, security="trade"),
    Route("POST", "/fapi/v1/marginType", _set_margin_type, 1, security="trade"),
    Route("GET", "/fapi/v1/positionSide/dual", _position_mode, 30, security="signed"),
    Route("POST", "/fapi/v1/positionSide/dual", _set_position_mode, 1, security="trade"),
    Route("GET", "/fapi/v1/multiAssetsMargin", _asset_mode, 30, security="signed"),
    Route("GET", "/fapi/v2/positionRisk", _position_risk_v2, 5, security="signed"),
    Route("GET", "/fapi/v3/positionRisk", _position_risk_v3, 5, security="signed"),
    Route("GET", "/fapi/v2/balance", _balances, 5, security="signed"),
    Route("GET", "/fapi/v3/balance", _balances, 5, security="signed"),
    Route("GET", "/fapi/v2/account", lambda call: _account(call, 2), 5, security="signed"),
    Route("GET", "/fapi/v3/account", lambda call: _account(call, 3), 5, security="signed"),
    Route("GET", "/fapi/v1/accountConfig", _account_config, 5, security="signed"),
    Route("GET", "/fapi/v1/symbolConfig", _symbol_config, 5, security="signed"),
    Route(
        "GET", "/fapi/v1/leverageBracket", _leverage_brackets, weigh=heavier_without("symbol", 1, 1), security="signed"
    ),
    Route("GET", "/fapi/v1/commissionRate", _commission_rate, 20, security="signed"),
)
