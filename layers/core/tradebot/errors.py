"""The tree of errors. Each says whether trying again can help, and which HTTP status it becomes at the door.

TradeBotError
├── InvalidInputError            422  what was asked for breaks a rule; `field` and `rule` name it
├── AuthenticationError          401  no valid session, or wrong credentials
├── AddressNotVerifiedError      403  the password is right, but the address was never confirmed
├── ThrottledError               429  tried too often; `retry_after_seconds` says when to go on
├── NotFoundError                404  it is not there, or it is another's (the two are not told apart)
├── ConflictError                409  it cannot be done in the present state; the message says what to do first
├── ConfigurationError           500  the deployment is wrong: a setting is missing or does not parse
├── CloudUnavailableError        503  KMS, Secrets Manager, Lambda or EventBridge did not do it: try again
├── DatabaseUnavailableError     503  no answer, no connection or no lock in time: try again in a moment
├── LeaseLostError               409  another worker holds the bot now; nothing more may be sent
└── ExchangeError                502  the exchange said no, or said nothing; its subclasses class the reaction
    ├── ExchangeUnavailableError 503  no answer or an unreadable one: for an order this means UNKNOWN, never failed
    │   └── LookDeferredError    503  a read that waits for the next minute: its stop rests, the rest is kept for exits
    ├── ExchangeThrottledError   503  429 or 418: nothing is sent before `retry_after_seconds` have passed
    │   └── ExchangeBudgetError  503  held back by us: the minute's request weight is used up, or kept for exits
    ├── ExchangeClockError       503  -1021: not executed; measure the offset again, one new attempt
    ├── ExchangeAuthenticationError 422  the key is refused (-2014, -2015): the bots pause, the user is told
    ├── OrderExistsError         409  a duplicate client order id: the order EXISTS, query it
    ├── OrderAbsentError         404  the query found no such order; that alone is not absence
    ├── CancelRefusedError       409  -2011: nothing was cancelled; the order may have executed, query it
    └── OrderRejectedError       422  refused for good: filters, balance, a halted symbol
        ├── StopWouldTriggerError 422 the market is beyond the level already: nothing rests, sell now
        └── MarketClosedError    422  the symbol is halted or delisted: no order of it is taken now
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one field of an input breaks, in words for who filled it in."""

    field: str
    rule: str
    message: str


class TradeBotError(Exception):
    """Whatever this product refuses or fails at, with a message for the person who has to act."""

    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    #: Stable identifier, the last part of the problem's `type` and the error code in logs.
    code: ClassVar[str] = "internal-error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInputError(TradeBotError):
    """What was asked for breaks a rule."""

    http_status = 422
    code = "invalid-input"

    def __init__(self, message: str, *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.rule = rule
        #: Every rule that is broken, where there may be several.
        self.violations: tuple[Violation, ...] = (Violation(field, rule, message),) if field and rule else ()

    @classmethod
    def of(cls, violations: tuple[Violation, ...]) -> InvalidInputError:
        """Return the error of one or more broken rules."""
        first = violations[0]
        error = cls(first.message, field=first.field, rule=first.rule)
        error.violations = violations
        return error


class AuthenticationError(TradeBotError):
    """There is no valid session, or the credentials are wrong."""

    http_status = 401
    code = "not-authenticated"


class AddressNotVerifiedError(TradeBotError):
    """The password is right, but the address was never confirmed."""

    http_status = 403
    code = "address-not-verified"


class ThrottledError(TradeBotError):
    """It was tried too often; nothing was done."""

    http_status = 429
    code = "too-many-requests"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NotFoundError(TradeBotError):
    """It is not there, or it is another's: the two are not told apart."""

    http_status = 404
    code = "not-found"


class ConflictError(TradeBotError):
    """It cannot be done in the present state; the message says what to do first."""

    http_status = 409
    code = "conflict"


class ConfigurationError(TradeBotError):
    """The deployment is wrong: a setting is missing or does not parse."""

    code = "misconfigured"


class CloudUnavailableError(TradeBotError):
    """A service that the request needs did not do it: KMS, Secrets Manager, Lambda, EventBridge."""

    http_status = 503
    code = "cloud-unavailable"
    retryable = True


class DatabaseUnavailableError(TradeBotError):
    """The database gave no answer, no connection or no lock in time; nothing was changed."""

    http_status = 503
    code = "database-unavailable"
    retryable = True


class LeaseLostError(TradeBotError):
    """Another worker holds the bot now; nothing more may be sent by this one."""

    http_status = 409
    code = "lease-lost"
    retryable = True


class ExchangeError(TradeBotError):
    """The exchange said no, or said nothing."""

    http_status = 502
    code = "exchange-error"

    def __init__(self, message: str, *, exchange_code: int | None = None) -> None:
        super().__init__(message)
        #: The number in the body of the exchange's answer, where it had one.
        self.exchange_code = exchange_code


class ExchangeUnavailableError(ExchangeError):
    """No answer, or one that cannot be read: for an order this means UNKNOWN, never failed."""

    http_status = 503
    code = "exchange-unavailable"
    retryable = True


class LookDeferredError(ExchangeUnavailableError):
    """A read that can wait for the next minute: what is left of this one's request weight is kept for exits."""

    code = "look-deferred"


class ExchangeThrottledError(ExchangeError):
    """429 or 418: nothing may be sent before `retry_after_seconds` have passed."""

    http_status = 503
    code = "exchange-throttled"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: float, exchange_code: int | None = None) -> None:
        super().__init__(message, exchange_code=exchange_code)
        self.retry_after_seconds = retry_after_seconds


class ExchangeBudgetError(ExchangeThrottledError):
    """Held back by us: a minute's request weight is used up, or what is left of it is kept for exits and stops."""

    code = "exchange-budget"


class ExchangeClockError(ExchangeError):
    """The timestamp was outside recvWindow (-1021): not executed; measure the offset again."""

    http_status = 503
    code = "exchange-clock"
    retryable = True


class ExchangeAuthenticationError(ExchangeError):
    """The exchange refuses the key (-2014, -2015)."""

    http_status = 422
    code = "exchange-key-refused"


class OrderExistsError(ExchangeError):
    """A duplicate client order id: the order EXISTS and has to be queried."""

    http_status = 409
    code = "order-exists"


class OrderAbsentError(ExchangeError):
    """The query found no such order, which alone is not absence."""

    http_status = 404
    code = "order-not-found"


class OrderRejectedError(ExchangeError):
    """The exchange refused the order for good: filters, balance, a halted symbol."""

    http_status = 422
    code = "order-rejected"


class CancelRefusedError(ExchangeError):
    """Nothing was cancelled (-2011): the order may have executed, be gone, or not be there yet. Query it."""

    http_status = 409
    code = "cancel-refused"


class StopWouldTriggerError(OrderRejectedError):
    """The market is at or beyond the level of a stop or take profit already, so nothing was placed."""

    code = "stop-would-trigger"


class MarketClosedError(OrderRejectedError):
    """The symbol is halted or delisted: no order of it is taken now, what rests stays as it is."""

    code = "market-closed"
