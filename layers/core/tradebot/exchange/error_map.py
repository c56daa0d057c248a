"""From an answer of Binance to an error of ours, by the code in its body. What is not listed here is UNKNOWN.

Sources: Binance's error code pages for spot, USD-M futures and the wallet. ccxt's own classes are not used: they follow
message texts and base URLs, and call some answers refused that may have been executed.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from tradebot.errors import (
    CancelRefusedError,
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    MarketClosedError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
    StopWouldTriggerError,
)
from tradebot.exchange.error_words import meaning_of

if TYPE_CHECKING:
    from collections.abc import Mapping


class Api(StrEnum):
    """Which of Binance's APIs answers: the same number can mean different things on two of them."""

    SPOT = "spot"
    FUTURES = "futures"
    WALLET = "wallet"


class Purpose(StrEnum):
    """What was asked for. A code that decides one kind of request says nothing of another."""

    #: Market data, lists, settings: a refusal is final.
    READ = "read"
    #: An order, a list, a stop, a transfer: a refusal is final, a duplicate exists.
    SEND = "send"
    #: One order by its id: only absence is an answer, and whatever else was refused says nothing of the order.
    FIND = "find"
    CANCEL = "cancel"


#: When a 429 or 418 names no Retry-After: the length of the weight window, and the shortest ban that Binance gives.
DEFAULT_RETRY_AFTER_SECONDS: Final = {429: 60.0, 418: 120.0}
MESSAGE_LENGTH_LIMIT = 200
_CODE: Final = re.compile(r"-?[0-9]{1,9}")

CLOCK_CODES = frozenset({
    -1021,  # INVALID_TIMESTAMP: outside recvWindow
    -5028,  # futures: outside the matching engine's recvWindow
    -4188,  # the same on other futures gateways
})  # fmt: skip
#: One account's orders in 10 s or a day, not what an IP address may send: the other accounts go on.
TOO_MANY_ORDERS_CODE = -1015
TOO_MANY_ORDERS_SECONDS = 10.0
THROTTLE_CODES = frozenset({
    -1003,  # TOO_MANY_REQUESTS
    TOO_MANY_ORDERS_CODE,
})  # fmt: skip
AUTHENTICATION_CODES = frozenset({
    -1002,  # UNAUTHORIZED
    -1022,  # INVALID_SIGNATURE: the secret does not belong to the key
    -2008,  # BAD_API_ID
    -2014,  # BAD_API_KEY_FMT
    -2015,  # REJECTED_MBX_KEY: key, IP or permissions
})  # fmt: skip
EXISTS_CODES = frozenset({
    -4116,  # futures DUPLICATED_CLIENT_ORDER_ID
})  # fmt: skip
#: -2013 is NO_SUCH_ORDER; an order list that is not there is -2018 on spot, which on futures speaks of the balance.
ABSENT_CODES: Final[Mapping[Api, frozenset[int]]] = {
    Api.SPOT: frozenset({-2013, -2018}),
    Api.FUTURES: frozenset({-2013}),
    Api.WALLET: frozenset(),
}
CANCEL_REFUSED_CODES = frozenset({
    -2011,  # CANCEL_REJECTED
    -2013,  # some gateways say this instead; the reaction is the same query
})  # fmt: skip
#: Spot answers -2010 and tells these by its text.
DUPLICATE_MESSAGE = "Duplicate order sent."
WOULD_TRIGGER_MESSAGES = frozenset({
    "Stop price would trigger immediately.",
    "Order would trigger immediately.",
    "Order would immediately match and take.",  # the take profit of a list is a LIMIT_MAKER
    "The relationship of the prices for the orders is not correct.",
})  # fmt: skip
WOULD_TRIGGER_CODES = frozenset({
    -2021,  # futures ORDER_WOULD_IMMEDIATELY_TRIGGER; on spot the number means a half-done cancel-replace
    -4142,  # futures STRATEGY_INVALID_TRIGGER_PRICE
})  # fmt: skip
#: Spot SYMBOL_DOES_NOT_MATCH_STATUS: a price was asked for of a symbol that trades, and it does not.
SYMBOL_STATUS_CODE = -1220
#: The symbol does not trade; a contract that only closes positions (-4140) still does.
CLOSED_CODES = frozenset({
    -1121,  # BAD_SYMBOL: delisted, or never listed
    -4108,  # futures: settling, closed or not open yet
    -4141,  # futures SYMBOL_IS_CLOSED
    SYMBOL_STATUS_CODE,
})  # fmt: skip
CLOSED_MESSAGE = "Market is closed."
_MALFORMED = frozenset({
    -1013,  # INVALID_MESSAGE: a filter (PRICE_FILTER, LOT_SIZE, NOTIONAL, ...)
    -1014,  # UNKNOWN_ORDER_COMPOSITION
    -1020,  # UNSUPPORTED_OPERATION
    *range(-1109, -1099),  # malformed parameters
    -1111,  # BAD_PRECISION
    *range(-1121, -1113),  # TIME_IN_FORCE, order type, side, BAD_SYMBOL, ...
    -1128, -1130, -1131,  # combinations of parameters, recvWindow
})  # fmt: skip
#: Refused before the matching engine or by it, for good: nothing was executed.
REJECTED_CODES: Final[Mapping[Api, frozenset[int]]] = {
    Api.SPOT: _MALFORMED | {
        -1158, -1160, *range(-1168, -1164), *range(-1199, -1195),  # legs of an order list: types, which lies above
        SYMBOL_STATUS_CODE,
        -2010,  # NEW_ORDER_REJECTED: balance, closed market; what its text tells apart is above
    },
    Api.FUTURES: _MALFORMED | {
        -1136,  # INVALID_NEW_ORDER_RESP_TYPE
        -2010,
        -2018, -2019, -2020, *range(-2028, -2021),  # balance, margin, reduce-only, leverage, order limits
        *range(-4007, -3999),  # order type, price and quantity limits
        -4013, -4014, -4015, -4016, -4023, -4024,  # price, tick, client id length, step
        -4028,  # INVALID_LEVERAGE
        -4045,  # MAX_STOP_ORDER_LIMIT
        -4047, -4048,  # margin type cannot change with open orders or a position
        -4061,  # position side does not match the account's mode
        -4108,  # the symbol settles, is closed or not open yet
        -4118, -4120, -4131,  # reduce-only margin, wrong endpoint for this type, PERCENT_PRICE
        -4140, -4141, -4143, -4144,  # symbol not trading or closed, unknown pair
        -4161, -4164, -4168,  # leverage cannot be lowered with a position, MIN_NOTIONAL, multi-assets mode
        -4400, -4401,  # only orders that reduce are allowed
        -5021, -5022,  # FOK and post-only that cannot be
    },
    Api.WALLET: _MALFORMED | {
        -3041, -5002, -5003, -5013,  # balance
    },
}  # fmt: skip


def error_of_answer(
    status: int,
    headers: Mapping[str, str],
    body: Any,
    *,
    purpose: Purpose = Purpose.READ,
    api: Api = Api.SPOT,
) -> ExchangeError | None:
    """Return the error that an answer means, None where it is a success by status and code.

    `body` is the decoded JSON, or None where it could not be decoded.
    """
    code, message = code_and_message(body)
    if status in DEFAULT_RETRY_AFTER_SECONDS:
        return ExchangeThrottledError(
            f"the exchange limits our requests (HTTP {status})",
            retry_after_seconds=_retry_after_seconds(status, code, headers),
            exchange_code=code,
        )
    if status >= 500:
        return ExchangeUnavailableError(f"the exchange answered HTTP {status}{_quoted(message)}", exchange_code=code)
    if code is not None and code < 0:
        return _error_of_code(code, message, headers, purpose, api)
    if status >= 300:
        return ExchangeUnavailableError(f"the exchange answered HTTP {status} without an error code of its own")
    return None


def code_and_message(body: Any) -> tuple[int | None, str]:
    """Return the error code and message of a decoded body; a success of a setting carries code 200."""
    if not isinstance(body, dict):
        return None, ""
    code, message = body.get("code"), body.get("msg")
    if isinstance(code, str) and _CODE.fullmatch(code):
        code = int(code)
    # Neither a fraction nor a truth value is a code, though int() would make one of them.
    known = code if isinstance(code, int) and not isinstance(code, bool) else None
    return known, message[:MESSAGE_LENGTH_LIMIT] if isinstance(message, str) else ""


def reaction_to(code: int, message: str, purpose: Purpose, api: Api) -> type[ExchangeError]:
    """Return the class of an error code below zero; throttling apart, it depends on what was asked for, and whom."""
    if code in CLOCK_CODES:
        return ExchangeClockError
    if code in AUTHENTICATION_CODES:
        return ExchangeAuthenticationError
    decided: type[ExchangeError] | None = None
    if purpose is Purpose.FIND:
        decided = OrderAbsentError if code in ABSENT_CODES[api] else None
    elif purpose is Purpose.CANCEL:
        decided = CancelRefusedError if code in CANCEL_REFUSED_CODES else None
    elif purpose is Purpose.SEND and _exists(code, message, api):
        decided = OrderExistsError
    elif purpose is Purpose.SEND and _would_trigger(code, message, api):
        decided = StopWouldTriggerError
    elif code in REJECTED_CODES[api]:
        decided = MarketClosedError if _is_closed(code, message) else OrderRejectedError
    return decided or ExchangeUnavailableError


def _exists(code: int, message: str, api: Api) -> bool:
    is_duplicate = code in EXISTS_CODES or (code == -2010 and message == DUPLICATE_MESSAGE)
    return is_duplicate and api is not Api.WALLET


def _would_trigger(code: int, message: str, api: Api) -> bool:
    if api is Api.FUTURES:
        return code in WOULD_TRIGGER_CODES
    return api is Api.SPOT and code in {-2010, -1013} and message in WOULD_TRIGGER_MESSAGES


def _is_closed(code: int, message: str) -> bool:
    return code in CLOSED_CODES or (code in {-2010, -1013} and message == CLOSED_MESSAGE)


def _error_of_code(code: int, message: str, headers: Mapping[str, str], purpose: Purpose, api: Api) -> ExchangeError:
    text = f"{message or 'no message'} ({code})"
    if code in THROTTLE_CODES:
        return ExchangeThrottledError(
            f"the exchange limits our requests: {text}",
            retry_after_seconds=_retry_after_seconds(429, code, headers),
            exchange_code=code,
        )
    kind = reaction_to(code, message, purpose, api)
    return kind(f"the exchange {meaning_of(kind, code, message)}: {text}", exchange_code=code)


def _retry_after_seconds(status: int, code: int | None, headers: Mapping[str, str]) -> float:
    default = TOO_MANY_ORDERS_SECONDS if code == TOO_MANY_ORDERS_CODE else DEFAULT_RETRY_AFTER_SECONDS[status]
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return default
    return seconds if 0 < seconds < 7 * 86_400 else default


def _quoted(message: str) -> str:
    return f": {message}" if message else ""
