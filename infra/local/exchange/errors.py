"""What the exchange refuses and how it says so: Binance's codes, messages and HTTP status.

ExchangeError
├── ApiError             a refused request, answered as {"code", "msg"}
│   └── ThrottleError    429 and 418, with their headers
├── ConnectionLostError  no answer at all: over HTTP the connection is reset
├── ControlError         a refused /sim request, answered as {"error"}
└── StartError           the simulator cannot start; its message says what to do, its exit code what kind it is
"""

from __future__ import annotations

from http import HTTPStatus


class ExchangeError(Exception):
    """Any refusal of the simulated exchange."""


class ApiError(ExchangeError):
    """A request that Binance would refuse."""

    def __init__(self, code: int, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = int(status)

    def body(self) -> dict[str, object]:
        """Return the body as Binance writes it."""
        return {"code": self.code, "msg": self.message}


class ThrottleError(ApiError):
    """Too many requests, too much weight or too many orders."""

    def __init__(self, code: int, message: str, status: int, headers: dict[str, str]) -> None:
        super().__init__(code, message, status)
        self.headers = headers


class ConnectionLostError(ExchangeError):
    """The connection breaks before an answer. Whether the request was processed, its sender cannot know."""


class ControlError(ExchangeError):
    """A control request that cannot be done."""

    def __init__(self, message: str, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.message = message
        self.status = int(status)

    def body(self) -> dict[str, object]:
        """Return the body of a refused control request."""
        return {"error": self.message}


class StartError(ExchangeError):
    """The simulator cannot start with what it was given."""

    exit_code = 2


class NetworkAbsentError(StartError):
    """Live market data is asked for and Binance's public API cannot be reached."""

    exit_code = 3


def filter_failure(name: str) -> ApiError:
    """Return the refusal of a spot filter."""
    return ApiError(-1013, f"Filter failure: {name}")


def mandatory(name: str) -> ApiError:
    """Return the refusal of a request that lacks `name`."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def invalid_symbol() -> ApiError:
    """Return the refusal of an unknown symbol."""
    return ApiError(-1121, "Invalid symbol.")


def order_not_found() -> ApiError:
    """Return the refusal of a query for an unknown order."""
    return ApiError(-2013, "Order does not exist.")


def cancel_rejected() -> ApiError:
    """Return the refusal of a cancel of an order that is unknown or no longer open."""
    return ApiError(-2011, "Unknown order sent.")


def key_rejected() -> ApiError:
    """Return the refusal of an unknown key or one without the permission."""
    return ApiError(-2015, "Invalid API-key, IP, or permissions for action.", HTTPStatus.UNAUTHORIZED)
