"""The code in the body decides; what is not listed decides nothing."""

from __future__ import annotations

import pytest

from tradebot.errors import (
    CancelRefusedError,
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    ExchangeThrottledError,
    ExchangeUnavailableError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
    StopWouldTriggerError,
)
from tradebot.exchange import error_map
from tradebot.exchange.error_map import Api, Purpose, error_of_answer

EVERY_API = pytest.mark.parametrize("api", list(Api))
COMMON = {
    ExchangeClockError: error_map.CLOCK_CODES,
    ExchangeThrottledError: error_map.THROTTLE_CODES,
    ExchangeAuthenticationError: error_map.AUTHENTICATION_CODES,
}


def error_of(
    code: int, message: str = "", status: int = 400, *, purpose: Purpose = Purpose.SEND, api: Api = Api.SPOT
) -> type[ExchangeError]:
    error = error_of_answer(status, {}, {"code": code, "msg": message}, purpose=purpose, api=api)
    assert error is not None
    assert error.exchange_code == code
    return type(error)


@EVERY_API
@pytest.mark.parametrize("purpose", list(Purpose))
def test_clock_limits_and_key_mean_the_same_whatever_was_asked(purpose: Purpose, api: Api) -> None:
    for expected, codes in COMMON.items():
        assert {error_of(code, purpose=purpose, api=api) for code in codes} == {expected}


@EVERY_API
@pytest.mark.parametrize("purpose", [Purpose.READ, Purpose.SEND])
def test_a_refusal_of_what_was_sent_is_final(purpose: Purpose, api: Api) -> None:
    codes = error_map.REJECTED_CODES[api]
    errors = {error_of(code, purpose=purpose, api=api) for code in codes}
    assert OrderRejectedError in errors
    assert all(issubclass(error, OrderRejectedError) for error in errors)


@EVERY_API
@pytest.mark.parametrize("purpose", [Purpose.FIND, Purpose.CANCEL])
def test_a_refused_query_or_cancel_says_nothing_of_the_order(purpose: Purpose, api: Api) -> None:
    codes = error_map.REJECTED_CODES[api] | error_map.EXISTS_CODES | {-2010, -2021}
    assert {error_of(code, purpose=purpose, api=api) for code in codes} == {ExchangeUnavailableError}


@EVERY_API
def test_only_a_query_finds_nothing_and_only_a_cancel_is_refused_as_one(api: Api) -> None:
    found_nothing = {error_of(code, purpose=Purpose.FIND, api=api) for code in error_map.ABSENT_CODES[api]}
    assert found_nothing == (set() if api is Api.WALLET else {OrderAbsentError})
    assert error_of(-2011, purpose=Purpose.FIND, api=api) is ExchangeUnavailableError
    assert error_of(-2011, purpose=Purpose.CANCEL, api=api) is CancelRefusedError
    for code in (-2011, -2013):
        assert error_of(code, purpose=Purpose.SEND, api=api) is ExchangeUnavailableError


def test_a_duplicate_exists_on_both_markets() -> None:
    assert error_of(-2010, "Duplicate order sent.") is OrderExistsError
    assert error_of(-4116, "ClientOrderId is duplicated.", api=Api.FUTURES) is OrderExistsError
    assert error_of(-2010, "Duplicate order sent. ") is OrderRejectedError, "its words to the letter, or it was refused"


@pytest.mark.parametrize("message", sorted(error_map.WOULD_TRIGGER_MESSAGES))
def test_a_level_beyond_the_market_is_told_apart_on_spot_by_its_words(message: str) -> None:
    assert error_of(-2010, message) is StopWouldTriggerError
    assert error_of(-2010, message, purpose=Purpose.READ) is OrderRejectedError


def test_a_number_means_what_the_market_that_gave_it_means() -> None:
    assert error_of(-2021, api=Api.FUTURES) is StopWouldTriggerError
    assert error_of(-2021, api=Api.SPOT) is ExchangeUnavailableError, "there it is a cancel-replace done by half"
    assert error_of(-2022, api=Api.SPOT) is ExchangeUnavailableError
    assert error_of(-5013, api=Api.WALLET) is OrderRejectedError
    assert error_of(-5013, api=Api.SPOT) is ExchangeUnavailableError


@EVERY_API
def test_no_code_is_listed_twice(api: Api) -> None:
    lists = [*COMMON.values(), error_map.EXISTS_CODES, error_map.CANCEL_REFUSED_CODES, error_map.REJECTED_CODES[api]]
    if api is Api.FUTURES:
        lists.append(error_map.WOULD_TRIGGER_CODES)
    assert sum(len(one) for one in lists) == len(frozenset().union(*lists))


@EVERY_API
@pytest.mark.parametrize("code", [-1000, -1001, -1004, -1006, -1007, -1008, -1010, -1016, -2012, -4200, -9999])
def test_a_code_that_is_not_listed_decides_nothing(code: int, api: Api) -> None:
    assert {error_of(code, purpose=purpose, api=api) for purpose in Purpose} == {ExchangeUnavailableError}


@pytest.mark.parametrize(
    "code", [True, -2010.5, "-2010.0", " -2010", "-2_010", "\u0662", None, [-2010], {"n": -2010}, "-" + "9" * 400]
)
def test_what_is_no_whole_number_is_no_code(code: object) -> None:
    error = error_of_answer(400, {}, {"code": code, "msg": "x"}, purpose=Purpose.SEND)
    assert type(error) is ExchangeUnavailableError


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (-1121, "Invalid symbol.", "delisted"),
        (-1013, "Market is closed.", "halted"),
        (-2010, "This order type is not possible in this trading phase.", "halted"),
        (-2010, "Account has insufficient balance for requested action.", "too little free balance"),
        (-2014, "API-key format invalid.", "mistyped"),
        (-2015, "Invalid API-key, IP, or permissions for action.", "expired"),
        (-2015, "Invalid API-key, IP, or permissions for action.", "the other environment"),
        (-1022, "Signature for this request is not valid.", "the secret does not belong"),
        (-1013, "Filter failure: LOT_SIZE", "LOT_SIZE"),
    ],
)
def test_a_refusal_says_in_clear_words_what_to_do(code: int, message: str, words: str) -> None:
    error = error_of_answer(400, {}, {"code": code, "msg": message}, purpose=Purpose.SEND)
    assert error is not None
    assert words in error.message


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
