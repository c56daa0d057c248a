"""Futures routes of money that is no order: income of an account, and the funding rates of a symbol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ZERO, fixed
from infra.local.exchange.errors import ApiError
from infra.local.exchange.funding import FUNDING_FEE, INTERVAL_MS
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.routes.route import Route
from infra.local.exchange.times import DAY_MS

if TYPE_CHECKING:
    from infra.local.exchange.funding import Settlement
    from infra.local.exchange.records import Execution
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]
_WEEK_MS = 7 * DAY_MS
_TYPES = (FUNDING_FEE, "TRANSFER", "REALIZED_PNL", "COMMISSION")


def _row(symbol: str, type_: str, amount: str, asset: str, at_ms: int, *, number: int, trade: str = "") -> Json:
    return {
        "symbol": symbol,
        "incomeType": type_,
        "income": amount,
        "asset": asset,
        "info": trade or type_,
        "time": at_ms,
        "tranId": number,
        "tradeId": trade,
    }


def _all_income(call: Call) -> list[Json]:
    """Return what the wallet got and gave, oldest first: from the journal, and from the executions."""
    state, api_key = call.exchange.state, call.signer.api_key
    rows = [
        _row(one.symbol, one.type, fixed(one.amount), one.asset, one.received_ms, number=one.transaction_id)
        for one in state.journal.incomes.get(api_key, [])
    ]
    for trade in state.all_executions_of(api_key):
        if trade.kind == call.kind:
            rows += _parts(trade)
    return sorted(rows, key=lambda row: row["time"])


def _parts(trade: Execution) -> list[Json]:
    """Return the realised profit and the commission of a trade, as far as there are any."""
    number, at_ms = trade.trade_id, trade.executed_ms
    return [
        _row(trade.symbol, type_, fixed(amount), trade.commission_asset, at_ms, number=number, trade=str(number))
        for type_, amount in (("REALIZED_PNL", trade.realized_pnl), ("COMMISSION", -trade.commission))
        if amount != ZERO
    ]


def _income(call: Call) -> list[Json]:
    parameters, instrument = call.parameters, call.optional_instrument()
    invalid = ApiError(-1130, "Data sent for parameter 'incomeType' is not valid.")
    type_ = parameters.choice("incomeType", _TYPES, invalid)
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    limit, page = parameters.bounded("limit", 100, 1000), parameters.bounded("page", 1, 1_000_000)
    if start is None and end is None:  # the week up to now, in market time
        start = call.exchange.market.now_ms() - _WEEK_MS
    rows = [
        row
        for row in _all_income(call)
        if (instrument is None or row["symbol"] == instrument.symbol)
        and type_ in {None, row["incomeType"]}
        and (start is None or row["time"] >= start)
        and (end is None or row["time"] <= end)
    ]
    return rows[(page - 1) * limit : page * limit]


def _funding_rates(call: Call) -> list[Json]:
    market = call.exchange.market
    assert isinstance(market, MinuteMarket)  # a live market passes this route through
    instrument = call.optional_instrument()
    start, end = call.parameters.integer("startTime"), call.parameters.integer("endTime")
    limit = call.parameters.bounded("limit", 100, 1000)
    rows = []
    for one in [instrument] if instrument else call.instruments():
        until = market.now_ms() if end is None else end
        since = until - limit * INTERVAL_MS if start is None else start
        found = call.exchange.funding.history(market, one, since, until)
        rows += [_funding_rate(one.symbol, row) for row in (found[:limit] if start is not None else found[-limit:])]
    return sorted(rows, key=lambda row: (row["fundingTime"], row["symbol"]))


def _funding_rate(symbol: str, one: Settlement) -> Json:
    return {
        "symbol": symbol,
        "fundingTime": one.settled_ms,
        "fundingRate": fixed(one.rate),
        "markPrice": fixed(one.mark),
    }


def _funding_info(call: Call) -> list[Json]:
    return [
        {
            "symbol": one.symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": INTERVAL_MS // 3_600_000,
            "disclaimer": False,
        }
        for one in call.instruments()
    ]


ROUTES = (
    Route("GET", "/fapi/v1/income", _income, 30, security="signed"),
    Route("GET", "/fapi/v1/fundingRate", _funding_rates, 1, passes_through=True),
    Route("GET", "/fapi/v1/fundingInfo", _funding_info, 1, passes_through=True),
)
