"""Reads Binance's answers into the Protocol's values. An answer that lacks what it must have is no answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tradebot.domain.candle import Candle
from tradebot.domain.money import exact
from tradebot.domain.order import Fill
from tradebot.domain.symbol import ListedSymbol, SymbolRules
from tradebot.errors import ExchangeUnavailableError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Powers of ten. Larger numbers are finite and still no amounts: arithmetic on them raises, or takes for ever.
MAX_MAGNITUDE = 40


class UnreadableAnswerError(ExchangeUnavailableError):
    """The answer arrived and was JSON, but not what was asked for."""


def decimal_of(value: Any) -> Decimal:
    """Return an exact decimal from a JSON string, integer or Decimal; NaN and infinities are refused."""
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise UnreadableAnswerError("the exchange's answer lacks a number")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise UnreadableAnswerError("the exchange's answer holds a number that is none") from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_MAGNITUDE:
        raise UnreadableAnswerError("the exchange's answer holds a number beyond all reason")
    return number


def integer_of(value: Any) -> int:
    """Return an integer from JSON."""
    number = decimal_of(value)
    if number != number.to_integral_value():
        raise UnreadableAnswerError("the exchange's answer holds a fraction where a whole number belongs")
    return int(number)


def instant_of(value: Any) -> datetime:
    """Return the aware time of a stamp in ms, to the millisecond."""
    try:
        return _EPOCH + timedelta(milliseconds=integer_of(value))
    except OverflowError:
        raise UnreadableAnswerError("the exchange's answer holds a time beyond all reason") from None


def milliseconds_of(instant: datetime) -> int:
    """Return the stamp in ms of an aware time."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def candle_of(row: Any) -> Candle:
    """Read one kline: [open time, open, high, low, close, volume, ...]."""
    if not isinstance(row, list) or len(row) < 6:
        raise UnreadableAnswerError("the exchange's answer is not a list of candles")
    open_price, high, low, close, volume = (decimal_of(number) for number in row[1:6])
    try:
        return Candle(instant_of(row[0]), open_price, high, low, close, volume)
    except InvalidInputError as error:
        raise UnreadableAnswerError(error.message) from None


def fill_of(row: Any, *, executed_at: datetime | None = None) -> Fill:
    """Read one execution: a row of myTrades or userTrades, or of a spot order's `fills` (which have no time)."""
    if not isinstance(row, dict):
        raise UnreadableAnswerError("the exchange's answer is not a list of trades")
    price, quantity = decimal_of(row.get("price")), decimal_of(row.get("qty"))
    with exact():
        quote_quantity = decimal_of(row["quoteQty"]) if "quoteQty" in row else price * quantity
    return Fill(
        trade_id=str(integer_of(row.get("tradeId", row.get("id")))),
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        commission=decimal_of(row.get("commission")),
        commission_asset=str(field_of(row, "commissionAsset")),
        executed_at=instant_of(row.get("time")) if executed_at is None else executed_at,
    )


def text_of(body: Any, name: str) -> str:
    """Return a field that must be a text with something in it."""
    value = field_of(body, name)
    if not isinstance(value, str) or not value:
        raise UnreadableAnswerError(f"the exchange's answer holds no text for {name}")
    return value


def field_of(body: Any, name: str) -> Any:
    """Return a field that must be there."""
    if not isinstance(body, dict) or name not in body:
        raise UnreadableAnswerError(f"the exchange's answer lacks {name}")
    return body[name]


def rows_of(body: Any, name: str | None = None) -> list[dict[str, Any]]:
    """Return the objects of a list, or of the list under `name`."""
    rows = body if name is None else field_of(body, name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableAnswerError("the exchange's answer is not the list that was asked for")
    return rows


def flag_of(body: Any, name: str) -> bool:
    """Return a field that must be true or false."""
    value = field_of(body, name)
    if not isinstance(value, bool):
        raise UnreadableAnswerError(f"the exchange's answer holds no yes or no for {name}")
    return value


def rules_of(body: Any) -> dict[str, SymbolRules]:
    """Read exchangeInfo into the filters of each symbol that trades."""
    try:
        return {rules.symbol: rules for rules in _rules_of_symbols(rows_of(body, "symbols"))}
    except (KeyError, TypeError, AttributeError):
        raise UnreadableAnswerError("the exchange's answer holds a symbol without its filters") from None


def listing_of(body: Any) -> list[ListedSymbol]:
    """Read exchangeInfo into every symbol of the market, whether it trades now or not."""
    statuses = {row.get("symbol"): str(row.get("status")) for row in rows_of(body, "symbols")}
    return [ListedSymbol(rules, statuses[symbol]) for symbol, rules in rules_of(body).items()]


def weight_limit_of(body: Any) -> int | None:
    """Return the weight that an address may use in a minute, as exchangeInfo states it."""
    for row in rows_of(body, "rateLimits"):
        if (row.get("rateLimitType"), row.get("interval"), row.get("intervalNum")) == ("REQUEST_WEIGHT", "MINUTE", 1):
            return integer_of(row.get("limit"))
    return None


def _rules_of_symbols(symbols: Iterable[Any]) -> Iterable[SymbolRules]:
    for entry in symbols:
        filters = {one["filterType"]: one for one in entry["filters"]}
        if not {"PRICE_FILTER", "LOT_SIZE"} <= filters.keys():
            continue
        lot, market_lot = filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", {})
        yield SymbolRules(
            symbol=entry["symbol"],
            base_asset=entry["baseAsset"],
            quote_asset=entry["quoteAsset"],
            tick_size=decimal_of(filters["PRICE_FILTER"]["tickSize"]),
            step_size=max(decimal_of(lot["stepSize"]), decimal_of(market_lot.get("stepSize", 0))),
            min_qty=max(decimal_of(lot["minQty"]), decimal_of(market_lot.get("minQty", 0))),
            max_qty=_smaller_limit(lot["maxQty"], market_lot.get("maxQty", 0)),
            min_notional=_min_notional(filters),
        )


def _min_notional(filters: Mapping[str, Mapping[str, Any]]) -> Decimal:
    """Spot has NOTIONAL (formerly MIN_NOTIONAL) with `minNotional`, futures MIN_NOTIONAL with `notional`."""
    rule = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    return decimal_of(rule.get("minNotional", rule.get("notional", 0)))


def _smaller_limit(lot: Any, market_lot: Any) -> Decimal:
    """A market order obeys both limits; zero means that the second one is absent."""
    one, other = decimal_of(lot), decimal_of(market_lot)
    return min(one, other) if other > 0 else one
