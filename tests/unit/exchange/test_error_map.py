"""The code in the body decides; what is not listed decides nothing."""

from __future__ import annotations

import pytest

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
from tradebot.exchange import error_map
from tradebot.exchange.error_map import error_of_answer


def error_of(code: int, message: str = "", status: int = 400) -> type[ExchangeError]:
    error = error_of_answer(status, {}, {"code": code, "msg": message})
    assert error is not None
    assert error.exchange_code == code
    return type(error)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (error_map.CLOCK_CODES, ExchangeClockError),
        (error_map.THROTTLE_CODES, ExchangeThrottledError),
        (error_map.AUTHENTICATION_CODES, ExchangeAuthenticationError),
        (error_map.EXISTS_CODES, OrderExistsError),
        (error_map.ABSENT_CODES, OrderAbsentError),
        (error_map.REJECTED_CODES, OrderRejectedError),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_listed_code_has_one_meaning(codes: frozenset[int], expected: type[ExchangeError]) -> None:
    assert {error_of(code) for code in codes} == {expected}


def test_no_code_is_listed_twice() -> None:
    lists = [
        error_map.CLOCK_CODES,
        error_map.THROTTLE_CODES,
        error_map.AUTHENTICATION_CODES,
        error_map.EXISTS_CODES,
        error_map.ABSENT_CODES,
        error_map.REJECTED_CODES,
    ]
    assert sum(len(one) for one in lists) == len(frozenset().union(*lists))


@pytest.mark.parametrize("code", [-1000, -1001, -1004, -1006, -1007, -1008, -1010, -1016, -2011, -2012, -4200, -9999])
def test_a_code_that_is_not_listed_decides_nothing(code: int) -> None:
    assert error_of(code) is ExchangeUnavailableError


@pytest.mark.parametrize("code", [-2010, -1013, -2014, -1021, -2013])
def test_a_server_error_decides_nothing_whatever_its_body_says(code: int) -> None:
    assert error_of(code, status=503) is ExchangeUnavailableError


@pytest.mark.parametrize("status", [300, 301, 400, 401, 403, 404, 408, 409, 451])
def test_a_refusal_without_a_code_decides_nothing(status: int) -> None:
    assert isinstance(error_of_answer(status, {}, None), ExchangeUnavailableError)
    assert isinstance(error_of_answer(status, {}, {"message": "who knows"}), ExchangeUnavailableError)


@pytest.mark.parametrize("body", [{"orderId": 1}, [], {"code": 200, "msg": "success"}, {"code": "x"}, None])
def test_a_success_is_no_error(body: object) -> None:
    assert error_of_answer(200, {}, body) is None


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "7", 7), (418, "300", 300), (429, None, 60), (418, None, 120), (429, "soon", 60), (429, "-1", 60)],
)
def test_how_long_nothing_may_be_sent(status: int, header: str | None, seconds: float) -> None:
    error = error_of_answer(status, {} if header is None else {"Retry-After": header}, {"code": -1003, "msg": ""})
    assert isinstance(error, ExchangeThrottledError)
    assert error.retry_after_seconds == seconds


def test_a_message_is_shown_and_cut() -> None:
    error = error_of_answer(400, {}, {"code": -1013, "msg": "Filter failure: " + "x" * 1000})
    assert error is not None
    assert "Filter failure" in error.message
    assert len(error.message) < 300
