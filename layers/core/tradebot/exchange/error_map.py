"""From an answer of Binance to an error of ours, by the code in its body. What is not listed here is UNKNOWN.

Sources: Binance's error code pages for spot and USD-M futures. ccxt's own classes are not used: they follow message
texts and base URLs, and call some answers refused that may have been executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.errors import (
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

DUPLICATE_MESSAGE = "Duplicate order sent."
#: When a 429 or 418 names no Retry-After: the length of the weight window, and the shortest ban that Binance gives.
DEFAULT_RETRY_AFTER_SECONDS = {429: 60.0, 418: 120.0}
MESSAGE_LENGTH_LIMIT = 200

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
ABSENT_CODES = frozenset({
    -2013,  # NO_SUCH_ORDER
})  # fmt: skip
#: Refused before the matching engine or by it, for good: nothing was executed.
REJECTED_CODES = frozenset({
    -1013,  # INVALID_MESSAGE: a filter (PRICE_FILTER, LOT_SIZE, NOTIONAL, ...)
    -1014,  # UNKNOWN_ORDER_COMPOSITION
    -1020,  # UNSUPPORTED_OPERATION
    *range(-1109, -1099),  # malformed parameters
    -1111,  # BAD_PRECISION
    *range(-1121, -1113),  # TIME_IN_FORCE, order type, side, BAD_SYMBOL, ...
    -1128, -1130, -1131,  # combinations of parameters, recvWindow
    -2010,  # NEW_ORDER_REJECTED: balance, closed market; a duplicate id is told apart by its message
    *range(-2028, -2017),  # futures: balance, margin, reduce-only, leverage, order limits
    *range(-4007, -3999),  # futures: order type, price and quantity limits
    -4013, -4014, -4015, -4016, -4023, -4024,  # futures: price, tick, client id length, step
    -4028,  # INVALID_LEVERAGE
    -4047, -4048,  # margin type cannot change with open orders or a position
    -4061,  # position side does not match the account's mode
    -4118, -4120, -4131,  # reduce-only margin, wrong endpoint for this type, PERCENT_PRICE
    *range(-4145, -4139),  # symbol not trading, invalid trigger
    -4161, -4164,  # leverage cannot be lowered with a position, MIN_NOTIONAL
    -5021, -5022,  # FOK and post-only that cannot be
})  # fmt: skip

_REACTIONS: tuple[tuple[frozenset[int], type[ExchangeError], str], ...] = (
    (CLOCK_CODES, ExchangeClockError, "found our timestamp too old or too new"),
    (AUTHENTICATION_CODES, ExchangeAuthenticationError, "refuses the API key"),
    (EXISTS_CODES, OrderExistsError, "has this order already"),
    (ABSENT_CODES, OrderAbsentError, "shows no such order"),
    (REJECTED_CODES, OrderRejectedError, "refused"),
)


def error_of_answer(status: int, headers: Mapping[str, str], body: Any) -> ExchangeError | None:
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
        return _error_of_code(code, message, headers)
    if status >= 300:
        return ExchangeUnavailableError(f"the exchange answered HTTP {status} without an error code of its own")
    return None


def code_and_message(body: Any) -> tuple[int | None, str]:
    """Return the error code and message of a decoded body; a success of a setting carries code 200."""
    if not isinstance(body, dict):
        return None, ""
    message = body.get("msg")
    try:
        code = int(body["code"])
    except (KeyError, TypeError, ValueError):
        code = None
    return code, message[:MESSAGE_LENGTH_LIMIT] if isinstance(message, str) else ""


def _error_of_code(code: int, message: str, headers: Mapping[str, str]) -> ExchangeError:
    text = f"{message or 'no message'} ({code})"
    if code in THROTTLE_CODES:
        return ExchangeThrottledError(
            f"the exchange limits our requests: {text}",
            retry_after_seconds=_retry_after_seconds(429, code, headers),
            exchange_code=code,
        )
    kind, meaning = _reaction(code, message)
    return kind(f"the exchange {meaning}: {text}", exchange_code=code)


def _reaction(code: int, message: str) -> tuple[type[ExchangeError], str]:
    if code == -2010 and message == DUPLICATE_MESSAGE:
        code = -4116  # the same on spot
    for codes, kind, meaning in _REACTIONS:
        if code in codes:
            return kind, meaning
    return ExchangeUnavailableError, "answered with an error that decides nothing"


def _retry_after_seconds(status: int, code: int | None, headers: Mapping[str, str]) -> float:
    default = TOO_MANY_ORDERS_SECONDS if code == TOO_MANY_ORDERS_CODE else DEFAULT_RETRY_AFTER_SECONDS[status]
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return default
    return seconds if 0 < seconds < 7 * 86_400 else default


def _quoted(message: str) -> str:
    return f": {message}" if message else ""
