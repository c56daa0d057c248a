"""Binance's public API passed through: candles, tickers and filters are real, orders stay simulated at live prices."""

from __future__ import annotations

import http.client
import json
import threading
import time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from infra.local.exchange.decimals import ZERO
from infra.local.exchange.errors import ApiError, NetworkAbsentError, StartError
from infra.local.exchange.instruments import Bracket, Instrument, MarketKind, brackets, listed
from infra.local.exchange.market.minutes import with_slippage
from infra.local.exchange.times import wire_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.exchange.instruments import Instruments
    from infra.local.exchange.market.minutes import Quote
    from infra.local.exchange.routes.route import Api

_TIMEOUT_SECONDS = 10.0
_QUOTE_SECONDS = 0.5  # how long a quote serves: bursts of orders ask upstream once
_INFO = {MarketKind.SPOT: "/api/v3/exchangeInfo", MarketKind.FUTURES: "/fapi/v1/exchangeInfo"}
_BOOK = {MarketKind.SPOT: "/api/v3/ticker/bookTicker", MarketKind.FUTURES: "/fapi/v1/ticker/bookTicker"}
_PRICE = {MarketKind.SPOT: "/api/v3/ticker/price", MarketKind.FUTURES: "/fapi/v1/ticker/price"}
# Risk tables need a key at Binance; symbols other than the listed ones get a cautious one.
_PLAIN_RISK = brackets(("50000", 20, "0.025"), ("250000", 10, "0.05"), ("1000000", 5, "0.1"), ("5000000", 1, "0.5"))


class UnreachableError(Exception):
    """The upstream API did not answer, or not with JSON."""


class Upstream:
    """Unsigned GETs to one base URL over kept connections, one per thread."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"{base_url} is no base URL; give one like https://api.binance.com"
            raise StartError(msg)
        self.base_url = base_url
        self._host, self._port, self._is_tls = parts.hostname, parts.port, parts.scheme == "https"
        self._kept = threading.local()

    def get(self, path: str, query: str) -> tuple[int, bytes]:
        """Return status and body; a connection that went stale is opened once more."""
        target = f"{path}?{query}" if query else path
        for is_last in (False, True):
            connection: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
            is_kept = connection is not None
            if connection is None:
                factory = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
                connection = self._kept.connection = factory(self._host, self._port, timeout=_TIMEOUT_SECONDS)
            try:
                connection.request("GET", target, headers={"Accept": "application/json"})
                response = connection.getresponse()
                return response.status, response.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._kept.connection = None
                if is_last or not is_kept:
                    msg = f"{self.base_url} does not answer: {type(error).__name__} {error}"
                    raise UnreachableError(msg) from error
        raise AssertionError

    def json(self, path: str, query: str = "") -> Any:
        """Return the body of a successful answer."""
        status, body = self.get(path, query)
        try:
            value = json.loads(body)
        except ValueError as error:
            msg = f"{self.base_url} answered {status} with no JSON"
            raise UnreachableError(msg) from error
        if status != 200:
            msg = f"{self.base_url} answered {status}: {value}"
            raise UnreachableError(msg)
        return value


class LiveMarket:
    """The market as Binance's public API shows it now; market time is real time."""

    def __init__(self, urls: Mapping[MarketKind, str], slippage_bps: Decimal) -> None:
        self._upstreams = {kind: Upstream(urls[kind]) for kind in MarketKind}
        self._slippage_bps = slippage_bps
        self._quotes: dict[tuple[MarketKind, str], tuple[float, Quote]] = {}
        self.instruments: Instruments = {}
        for kind, upstream in self._upstreams.items():
            try:
                self.instruments[kind] = read_instruments(kind, upstream.json(_INFO[kind]))
            except UnreachableError as error:
                msg = (
                    f"live market data needs Binance's public API, but {error}. Check the network (some countries are "
                    "refused with 451: give another --live-spot-url and --live-futures-url), or run without it: "
                    "--market generator, or --market csv --csv FILE."
                )
                raise NetworkAbsentError(msg) from error

    def identity(self) -> str:
        """Describe what prices and fills depend on."""
        where = " ".join(upstream.base_url for upstream in self._upstreams.values())
        return f"live {where} slippage={self._slippage_bps}bps"

    def now_ms(self) -> int:
        """Return market time, which is real time."""
        return wire_ms()

    def first_ms(self) -> int:
        """Return where history begins, as far as this process knows: now."""
        return wire_ms()

    def end_ms(self) -> int | None:
        """A live market does not end."""
        return None

    def quote(self, instrument: Instrument) -> Quote:
        """Return the real bid and ask, worsened by the slippage."""
        key = instrument.kind, instrument.symbol
        kept = self._quotes.get(key)
        if kept and time.monotonic() - kept[0] < _QUOTE_SECONDS:
            return kept[1]
        upstream, query = self._upstreams[instrument.kind], f"symbol={instrument.symbol}"
        try:
            book = upstream.json(_BOOK[instrument.kind], query)
            last = Decimal(upstream.json(_PRICE[instrument.kind], query)["price"])
            bid, ask = Decimal(book["bidPrice"]), Decimal(book["askPrice"])
        except (UnreachableError, KeyError, TypeError, InvalidOperation) as error:
            raise ApiError(-1001, "Internal error; unable to process your request. Please try again.", 503) from error
        quote = with_slippage(instrument, last, bid, ask, self._slippage_bps)
        self._quotes[key] = time.monotonic(), quote
        return quote

    def quote_at(self, instrument: Instrument, last: Decimal) -> Quote:
        """Return the prices at which a taker would trade where the last price was `last`."""
        return with_slippage(instrument, last, last, last, self._slippage_bps)

    def average_price(self, instrument: Instrument) -> Decimal:
        """Return the last price, which is near enough to the mean of five minutes for the filters' wide bands."""
        return self.quote(instrument).last

    def pass_through(self, api: Api, path: str, query: str) -> tuple[int, bytes]:
        """Return upstream's own answer to a public request."""
        kind = MarketKind.FUTURES if api == "futures" else MarketKind.SPOT
        try:
            return self._upstreams[kind].get(path, query)
        except UnreachableError as error:
            raise ApiError(-1001, "Internal error; unable to process your request. Please try again.", 503) from error


def read_instruments(kind: MarketKind, info: Any) -> dict[str, Instrument]:
    """Read the trading symbols of an exchangeInfo body; perpetual contracts only on futures."""
    found: dict[str, Instrument] = {}
    for row in info["symbols"]:
        is_wanted = row.get("contractType", "PERPETUAL") == "PERPETUAL"
        if row.get("status") == "TRADING" and is_wanted and row["symbol"].isascii():
            found[row["symbol"]] = _read_instrument(kind, row)
    return found


def _read_instrument(kind: MarketKind, row: Any) -> Instrument:
    filters = {one["filterType"]: one for one in row["filters"]}
    price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    market_lot = filters.get("MARKET_LOT_SIZE", lot)
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    band = filters.get("PERCENT_PRICE_BY_SIDE") or filters.get("PERCENT_PRICE") or {}
    return Instrument(
        kind=kind,
        symbol=row["symbol"],
        base=row["baseAsset"],
        quote=row["quoteAsset"],
        tick_size=Decimal(price["tickSize"]),
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        step_size=Decimal(lot["stepSize"]),
        min_quantity=Decimal(lot["minQty"]),
        max_quantity=Decimal(lot["maxQty"]),
        market_max_quantity=Decimal(market_lot["maxQty"]),
        min_notional=Decimal(notional.get("minNotional") or notional.get("notional") or ZERO),
        max_notional=Decimal(notional.get("maxNotional") or ZERO),
        price_up=Decimal(band.get("bidMultiplierUp") or band.get("multiplierUp") or 5),
        price_down=Decimal(band.get("bidMultiplierDown") or band.get("multiplierDown") or "0.2"),
        brackets=_risk_of(kind, row["symbol"]),
    )


def _risk_of(kind: MarketKind, symbol: str) -> tuple[Bracket, ...]:
    if kind is MarketKind.SPOT:
        return ()
    known = listed()[kind].get(symbol)
    return known.brackets if known else _PLAIN_RISK
