"""Futures orders, trades, positions and balances as Binance's bodies show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, fixed, plain, round_half_even, round_up

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.conditional import AlgoOrder
    from infra.local.exchange.futures import FuturesDesk
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.records import Account, Execution, Order, Position

Json = dict[str, Any]


def order(one: Order, *, acknowledged_only: bool = False) -> Json:
    """Return an order; an ACK answer shows it as it was accepted, before anything executed."""
    executed = ZERO if acknowledged_only else one.executed_quantity
    quote = ZERO if acknowledged_only else one.executed_quote
    average = ZERO if acknowledged_only else one.average_price
    return {
        "orderId": one.order_id,
        "symbol": one.symbol,
        "status": "NEW" if acknowledged_only else one.status,
        "clientOrderId": one.client_order_id,
        "price": plain(one.price),
        "avgPrice": plain(round_half_even(average)) if average else "0.00",
        "origQty": plain(one.quantity),
        "executedQty": plain(executed),
        "cumQuote": plain(quote),
        "timeInForce": one.time_in_force,
        "type": one.type,
        "reduceOnly": one.reduce_only,
        "closePosition": False,
        "side": one.side,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": one.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "updateTime": one.updated_ms,
    }


def new_order(one: Order, response_type: str) -> Json:
    """Return the answer to a new order."""
    body = order(one, acknowledged_only=response_type == "ACK")
    return body | {"cumQty": body["executedQty"]}


def queried(one: Order) -> Json:
    """Return an order as queries show it."""
    return order(one) | {"time": one.created_ms}


def trade(one: Execution, instrument: Instrument) -> Json:
    """Return an execution as userTrades shows it."""
    return {
        "symbol": one.symbol,
        "id": one.trade_id,
        "orderId": one.order_id,
        "side": one.side,
        "price": plain(one.price),
        "qty": plain(one.quantity),
        "realizedPnl": fixed(one.realized_pnl),
        "quoteQty": plain(one.quote_quantity),
        "commission": fixed(one.commission),
        "commissionAsset": one.commission_asset,
        "time": one.executed_ms,
        "positionSide": "BOTH",
        "maker": one.is_maker,
        "buyer": one.side == "BUY",
        "marginAsset": instrument.quote,
    }


def position_risk(
    desk: FuturesDesk, account: Account, instrument: Instrument, position: Position, version: int
) -> Json:
    """Return a position as positionRisk v2 or v3 shows it."""
    # A flat symbol shows no mark price, as on Binance; asking for hundreds of live prices would take minutes.
    mark = desk.mark_price(instrument) if position.quantity else ZERO
    notional = position.quantity * mark
    unrealized = round_half_even(position.unrealized(mark)) if position.quantity else ZERO
    isolated_margin = round_up(position.margin) + unrealized if position.isolated and position.quantity else ZERO
    body: Json = {
        "symbol": instrument.symbol,
        "positionSide": "BOTH",
        "positionAmt": plain(position.quantity),
        "entryPrice": _price(position.entry_price),
        "breakEvenPrice": _price(position.entry_price),
        "markPrice": fixed(mark),
        "unRealizedProfit": fixed(unrealized),
        "liquidationPrice": _price(desk.liquidation_price(account, instrument, position)),
        "isolatedMargin": fixed(isolated_margin),
        "notional": fixed(notional),
        "isolatedWallet": fixed(round_up(position.margin)),
        "updateTime": position.updated_ms,
    }
    if version == 3:
        margin = round_up(abs(notional) / position.leverage)
        resting = desk.order_margin(account, instrument, position)
        return body | {
            "marginAsset": instrument.quote,
            "initialMargin": fixed(margin + resting),
            "maintMargin": fixed(_maintenance(instrument, abs(notional))),
            "positionInitialMargin": fixed(margin),
            "openOrderInitialMargin": fixed(resting),
            "adl": 0,
            "bidNotional": "0",
            "askNotional": "0",
        }
    return body | {
        "leverage": str(position.leverage),
        "maxNotionalValue": plain(instrument.allowed_notional(position.leverage)),
        "marginType": "isolated" if position.isolated else "cross",
        "isAutoAddMargin": "false",
        "isolated": position.isolated,
        "adlQuantile": 0,
    }


def _price(price: Decimal) -> str:
    return plain(round_half_even(price)) if price else "0.0"


def _maintenance(instrument: Instrument, notional: Decimal) -> Decimal:
    bracket = instrument.bracket_of(notional)
    return round_up(max(notional * bracket.maintenance_rate - bracket.maintenance_amount, ZERO))


def asset_sums(
    desk: FuturesDesk, account: Account, asset: str, instruments: dict[str, Instrument]
) -> dict[str, Decimal]:
    """Return the figures of one margin asset, over all positions that it carries."""
    sums = dict.fromkeys(("unrealized", "maintenance", "position", "orders", "isolated", "crossed"), ZERO)
    for symbol, position in account.positions.items():
        instrument = instruments.get(symbol)
        if instrument is None or instrument.quote != asset:
            continue
        sums["orders"] += desk.order_margin(account, instrument, position)
        if position.quantity:
            mark = desk.mark_price(instrument)
            unrealized = round_half_even(position.unrealized(mark))
            sums["unrealized"] += unrealized
            sums["crossed"] += ZERO if position.isolated else unrealized
            sums["isolated"] += round_up(position.margin)
            sums["position"] += round_up(abs(position.quantity) * mark / position.leverage)
            sums["maintenance"] += _maintenance(instrument, abs(position.quantity) * mark)
    return sums


def balance(desk: FuturesDesk, account: Account, asset: str, instruments: dict[str, Instrument]) -> Json:
    """Return one asset as the balance routes show it."""
    wallet, available = account.futures.get(asset, ZERO), desk.available(account, asset)
    sums = asset_sums(desk, account, asset, instruments)
    return {
        "accountAlias": "simulated",
        "asset": asset,
        "balance": fixed(wallet),
        "crossWalletBalance": fixed(wallet - sums["isolated"]),
        "crossUnPnl": fixed(sums["crossed"]),
        "availableBalance": fixed(available),
        "maxWithdrawAmount": fixed(available),
        "marginAvailable": True,
        "updateTime": account.futures_updated_ms if asset in account.futures else 0,
    }


def account_asset(desk: FuturesDesk, account: Account, asset: str, instruments: dict[str, Instrument]) -> Json:
    """Return one asset as the account routes show it."""
    wallet, available = account.futures.get(asset, ZERO), desk.available(account, asset)
    sums = asset_sums(desk, account, asset, instruments)
    return {
        "asset": asset,
        "walletBalance": fixed(wallet),
        "unrealizedProfit": fixed(sums["unrealized"]),
        "marginBalance": fixed(wallet + sums["unrealized"]),
        "maintMargin": fixed(sums["maintenance"]),
        "initialMargin": fixed(sums["position"] + sums["orders"]),
        "positionInitialMargin": fixed(sums["position"]),
        "openOrderInitialMargin": fixed(sums["orders"]),
        "crossWalletBalance": fixed(wallet - sums["isolated"]),
        "crossUnPnl": fixed(sums["crossed"]),
        "availableBalance": fixed(available),
        "maxWithdrawAmount": fixed(available),
        "marginAvailable": True,
        "updateTime": account.futures_updated_ms if asset in account.futures else 0,
    }


def account_position(
    desk: FuturesDesk, account: Account, instrument: Instrument, position: Position, version: int
) -> Json:
    """Return a position as the account routes show it."""
    risk = position_risk(desk, account, instrument, position, 3)
    body = {
        "symbol": instrument.symbol,
        "positionSide": "BOTH",
        "positionAmt": risk["positionAmt"],
        "unrealizedProfit": risk["unRealizedProfit"],
        "isolatedMargin": risk["isolatedMargin"],
        "notional": risk["notional"],
        "isolatedWallet": risk["isolatedWallet"],
        "initialMargin": risk["initialMargin"],
        "maintMargin": risk["maintMargin"],
        "updateTime": position.updated_ms,
    }
    if version == 3:
        return body
    return body | {
        "positionInitialMargin": risk["positionInitialMargin"],
        "openOrderInitialMargin": risk["openOrderInitialMargin"],
        "leverage": str(position.leverage),
        "isolated": position.isolated,
        "entryPrice": risk["entryPrice"],
        "breakEvenPrice": risk["breakEvenPrice"],
        "maxNotional": plain(instrument.allowed_notional(position.leverage)),
        "bidNotional": "0",
        "askNotional": "0",
    }


def leverage_bracket(instrument: Instrument) -> Json:
    """Return a symbol's risk table."""
    return {
        "symbol": instrument.symbol,
        "notionalCoef": 1.0,
        "brackets": [
            {
                "bracket": one.number,
                "initialLeverage": one.max_leverage,
                "notionalCap": int(one.cap),
                "notionalFloor": int(one.floor),
                "maintMarginRatio": float(one.maintenance_rate),
                "cum": float(one.maintenance_amount),
            }
            for one in instrument.brackets
        ],
    }


def new_algo(one: AlgoOrder) -> Json:
    """Return the answer to a new algo order."""
    return {
        "algoId": one.algo_id,
        "clientAlgoId": one.client_algo_id,
        "algoType": "CONDITIONAL",
        "orderType": one.type,
        "symbol": one.symbol,
        "side": one.side,
        "positionSide": "BOTH",
        "timeInForce": one.time_in_force,
        "quantity": plain(one.quantity),
        "algoStatus": one.status,
        "triggerPrice": plain(one.trigger_price),
        "price": "0",
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": one.working_type,
        "priceMatch": "NONE",
        "closePosition": one.close_position,
        "priceProtect": False,
        "reduceOnly": one.reduce_only,
        "createTime": one.created_ms,
        "updateTime": one.updated_ms,
        "triggerTime": one.triggered_ms,
        "goodTillDate": 0,
    }


def algo(one: AlgoOrder, became: Order | None) -> Json:
    """Return an algo order as queries show it, with the order that it became."""
    return new_algo(one) | {
        "actualOrderId": str(became.order_id) if became else "",
        "actualPrice": plain(round_half_even(became.average_price)) if became else "0",
        "actualQty": plain(became.executed_quantity) if became else "0",
        "actualType": became.type if became else "",
    }
