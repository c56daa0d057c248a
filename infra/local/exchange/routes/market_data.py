"""Public routes of both markets: time, filters, klines and tickers."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from infra.local.exchange.decimals import ceil_to, fixed, floor_to, from_units, units_text
from infra.local.exchange.errors import ApiError
from infra.local.exchange.exchange_info import futures_info, spot_info
from infra.local.exchange.funding import INTERVAL_MS
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.market.candle import INTERVALS, Candle, bucket_end
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.routes.route import Route, heavier_without
from infra.local.exchange.statuses import status_of

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.parameters import Parameters
    from infra.local.exchange.routes.route import Call

Json = dict[str, Any]


def _ping(call: Call) -> Json:
    del call
    return {}


def _time(call: Call) -> Json:
    return {"serverTime": call.wire_ms()}


def _chosen(call: Call) -> list[Instrument] | None:
    """Return the instruments that `symbol` or `symbols` name; None where neither was sent."""
    one = call.optional_instrument()
    if one is not None:
        return [one]
    text = call.parameters.optional("symbols")
    if text is None:
        return None
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ApiError(-1130, "Data sent for parameter 'symbols' is not valid.")
    return [call.named(name) for name in names]


def _exchange_info(call: Call) -> Json:
    stated = {"serverTime": call.wire_ms(), "rateLimits": call.exchange.traffic.rate_limits(call.api)}
    if call.kind is MarketKind.FUTURES:
        return {**futures_info(call.instruments(), call.status_of), **stated}
    chosen = _chosen(call)
    return {**spot_info(call.instruments() if chosen is None else chosen, call.status_of), **stated}


def _minute_market(call: Call) -> MinuteMarket:
    market = call.exchange.market
    assert isinstance(market, MinuteMarket)  # a live market passes these routes through
    return market


def _klines(call: Call) -> list[list[Any]]:
    instrument = call.instrument()
    interval = call.parameters.text("interval")
    if interval not in INTERVALS:
        raise ApiError(-1120, "Invalid interval.")
    most = 1000 if call.kind is MarketKind.SPOT else 1500
    limit = call.parameters.bounded("limit", 500, most)
    start, end = call.parameters.integer("startTime"), call.parameters.integer("endTime")
    if start is not None and end is not None and start > end:
        raise ApiError(-1023, "Start time is greater than end time.")
    candles = _minute_market(call).klines(instrument, interval, start, end, limit)
    return [_kline(candle, interval) for candle in candles]


@lru_cache(maxsize=20_000)  # most rows are asked for again a minute later
def _kline(candle: Candle, interval: str) -> list[Any]:
    """Return the twelve columns; what minutes do not know (trades, taker share) is derived from the volume."""
    value = units_text(_quote_volume(candle))
    return [
        candle.open_ms,
        units_text(candle.open),
        units_text(candle.high),
        units_text(candle.low),
        units_text(candle.close),
        units_text(candle.volume),
        bucket_end(interval, candle.open_ms) - 1,
        value,
        _trade_count(candle),
        units_text(candle.volume // 2),
        units_text(_quote_volume(candle) // 2),
        "0",
    ]


def _quote_volume(candle: Candle) -> int:
    typical = (candle.open + candle.high + candle.low + candle.close) // 4
    return candle.volume * typical // 100_000_000


def _trade_count(candle: Candle) -> int:
    return -(-candle.volume // 1_000_000)


def _listed(call: Call, answer: Any) -> Any:
    """Answer one object where `symbol` was sent, else a list, as Binance does."""
    chosen = _chosen(call)
    if chosen is not None and "symbol" in call.parameters:
        return answer(call, chosen[0])
    return [answer(call, one) for one in (call.instruments() if chosen is None else chosen)]


def _spot_price(call: Call, one: Instrument) -> Json:
    """Return a price; of a symbol that is asked for by its status, where that is its status."""
    wanted = call.parameters.optional("symbolStatus")
    if wanted is not None and wanted != status_of(call.exchange.state, call.kind, one.symbol):
        raise ApiError(-1220, "The symbol's status does not match the requested symbolStatus.")
    return _price(call, one)


def _price(call: Call, one: Instrument) -> Json:
    price = {"symbol": one.symbol, "price": fixed(_minute_market(call).last_price(one))}
    return price | ({"time": call.exchange.market.now_ms()} if call.kind is MarketKind.FUTURES else {})


def _book(call: Call, one: Instrument) -> Json:
    quote = call.exchange.market.quote(one)
    book = {
        "symbol": one.symbol,
        "bidPrice": fixed(quote.bid),
        "bidQty": fixed(one.market_max_quantity),
        "askPrice": fixed(quote.ask),
        "askQty": fixed(one.market_max_quantity),
    }
    return book | ({"time": call.exchange.market.now_ms()} if call.kind is MarketKind.FUTURES else {})


def _day(call: Call, one: Instrument) -> Json:
    day = _minute_market(call).day(one)
    candle = day.candle
    change = from_units(candle.close - candle.open)
    value = _quote_volume(candle)
    volume = from_units(candle.volume)
    mean = from_units(value) / volume if volume else from_units(candle.close)
    quote = call.exchange.market.quote(one)
    body = {
        "symbol": one.symbol,
        "priceChange": fixed(change),
        "priceChangePercent": fixed(change / from_units(candle.open) * 100, 3),
        "weightedAvgPrice": fixed(mean),
        "lastPrice": units_text(candle.close),
        "lastQty": fixed(one.min_quantity),
        "openPrice": units_text(candle.open),
        "highPrice": units_text(candle.high),
        "lowPrice": units_text(candle.low),
        "volume": units_text(candle.volume),
        "quoteVolume": units_text(value),
        "openTime": day.opens_ms,
        "closeTime": day.closes_ms,
        "firstId": 1,
        "lastId": _trade_count(candle),
        "count": _trade_count(candle),
    }
    if call.kind is MarketKind.SPOT:
        body |= {"prevClosePrice": units_text(candle.open), "bidPrice": fixed(quote.bid), "bidQty": "1.00000000"}
        body |= {"askPrice": fixed(quote.ask), "askQty": "1.00000000"}
    return body


def _average(call: Call) -> Json:
    instrument = call.instrument()
    price = call.exchange.market.average_price(instrument)
    return {"mins": 5, "price": fixed(price), "closeTime": call.exchange.market.now_ms()}


def _depth(call: Call) -> Json:
    """Return a thin book around the quote: as deep as a market order may be large."""
    one = call.instrument()
    limit = call.parameters.bounded("limit", 100, 5000)
    quote = call.exchange.market.quote(one)
    size = fixed(one.market_max_quantity)
    bid, ask = floor_to(quote.bid, one.tick_size), ceil_to(quote.ask, one.tick_size)
    levels = range(min(limit, 5))
    book = {
        "lastUpdateId": call.exchange.market.now_ms(),
        "bids": [[fixed(bid - level * one.tick_size), size] for level in levels],
        "asks": [[fixed(ask + level * one.tick_size), size] for level in levels],
    }
    now = call.exchange.market.now_ms()
    return book | ({"E": now, "T": now} if call.kind is MarketKind.FUTURES else {})


def _premium(call: Call, one: Instrument) -> Json:
    """Return the mark price, which is the last price, and the funding that comes next."""
    price = fixed(_minute_market(call).last_price(one))
    now_ms = call.exchange.market.now_ms()
    next_ms = now_ms - now_ms % INTERVAL_MS + INTERVAL_MS
    return {
        "symbol": one.symbol,
        "markPrice": price,
        "indexPrice": price,
        "estimatedSettlePrice": price,
        "lastFundingRate": fixed(call.exchange.funding.rate_at(one.symbol, next_ms)),
        "interestRate": "0.00010000",
        "nextFundingTime": next_ms,
        "time": now_ms,
    }


def _futures_kline_weight(parameters: Parameters) -> int:
    limit = parameters.bounded("limit", 500, 1500)
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


def _spot_day_weight(parameters: Parameters) -> int:
    if "symbol" in parameters:
        return 2
    symbols = parameters.optional("symbols")
    count = symbols.count(",") + 1 if symbols else 101
    return 2 if count <= 20 else 40 if count <= 100 else 80


def _public(path: str, answer: Any, weight: int = 1, weigh: Any = None) -> Route:
    return Route("GET", path, answer, weight, weigh=weigh, passes_through=True)


def _each(answer: Any) -> Any:
    return lambda call: _listed(call, answer)


SPOT_ROUTES = (
    Route("GET", "/api/v3/ping", _ping, 1),
    Route("GET", "/api/v3/time", _time, 1),
    _public("/api/v3/exchangeInfo", _exchange_info, 20),
    _public("/api/v3/klines", _klines, 2),
    _public("/api/v3/uiKlines", _klines, 2),
    _public("/api/v3/ticker/price", _each(_spot_price), weigh=heavier_without("symbol", 2, 4)),
    _public("/api/v3/ticker/bookTicker", _each(_book), weigh=heavier_without("symbol", 2, 4)),
    _public("/api/v3/ticker/24hr", _each(_day), weigh=_spot_day_weight),
    _public("/api/v3/avgPrice", _average, 2),
    _public("/api/v3/depth", _depth, 5),
)
FUTURES_ROUTES = (
    Route("GET", "/fapi/v1/ping", _ping, 1),
    Route("GET", "/fapi/v1/time", _time, 1),
    _public("/fapi/v1/exchangeInfo", _exchange_info, 1),
    _public("/fapi/v1/klines", _klines, weigh=_futures_kline_weight),
    _public("/fapi/v1/ticker/price", _each(_price), weigh=heavier_without("symbol", 1, 2)),
    _public("/fapi/v2/ticker/price", _each(_price), weigh=heavier_without("symbol", 1, 2)),
    _public("/fapi/v1/ticker/bookTicker", _each(_book), weigh=heavier_without("symbol", 2, 5)),
    _public("/fapi/v1/ticker/24hr", _each(_day), weigh=heavier_without("symbol", 1, 40)),
    _public("/fapi/v1/premiumIndex", _each(_premium), weigh=heavier_without("symbol", 1, 10)),
    _public("/fapi/v1/depth", _depth, 5),
)
