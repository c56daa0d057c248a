"""What an exchange's refusal means, in words for the person who has to act. No decision hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradebot.errors import (
    CancelRefusedError,
    ExchangeAuthenticationError,
    ExchangeClockError,
    ExchangeError,
    OrderAbsentError,
    OrderExistsError,
    OrderRejectedError,
    StopWouldTriggerError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_TRADED = "does not trade this symbol now (it is delisted, halted or not open yet)"
_TOO_LITTLE = "finds too little free balance: deposit or transfer funds, or lower the position's size"
_NOT_PERMITTED = "does not let this account trade this symbol"

#: Codes that say more than their class does.
_OF_CODE: Final[Mapping[int, str]] = {
    -1002: "refuses the API key: it lacks the right for this; switch it on at the exchange",
    -1022: "refuses the API key: the secret does not belong to it; store both again",
    -1121: _NOT_TRADED,
    -1220: _NOT_TRADED,
    -2008: "refuses the API key: it was deleted, or belongs to the other environment (live, testnet)",
    -2014: "refuses the API key: it was mistyped or cut off",
    -2015: (
        "refuses the API key: it was deleted or has expired, belongs to the other environment (live, testnet), lacks "
        "the right for this, or its IP list lacks our address"
    ),
    -2018: _TOO_LITTLE,
    -2019: _TOO_LITTLE,
    -3041: _TOO_LITTLE,
    -4061: "has this account in hedge mode: switch it to one-way mode",
    -4108: _NOT_TRADED,
    -4140: _NOT_TRADED,
    -4141: _NOT_TRADED,
    -4168: "has this account in multi-assets mode, which knows no isolated margin: switch it off",
    -4400: "lets this account only reduce positions for now",
    -4401: "lets this account only reduce positions for now",
    -5002: _TOO_LITTLE,
    -5003: _TOO_LITTLE,
    -5013: _TOO_LITTLE,
}
#: Texts of -2010 and -1013, which stand for many refusals.
_OF_MESSAGE: Final[Mapping[str, str]] = {
    "Account has insufficient balance for requested action.": _TOO_LITTLE,
    "Market is closed.": _NOT_TRADED,
    "This order type is not possible in this trading phase.": _NOT_TRADED,
    "This symbol is not permitted for this account.": _NOT_PERMITTED,
    "This symbol is restricted for this account.": _NOT_PERMITTED,
    "This action is disabled on this account.": "has switched trading off for this account",
}
#: From the special to the general.
_OF_CLASS: Final[tuple[tuple[type[ExchangeError], str], ...]] = (
    (ExchangeClockError, "found our timestamp too old or too new"),
    (ExchangeAuthenticationError, "refuses the API key"),
    (OrderExistsError, "has this order already"),
    (OrderAbsentError, "shows no such order"),
    (CancelRefusedError, "cancelled nothing"),
    (StopWouldTriggerError, "has the market beyond this level already"),
    (OrderRejectedError, "refused"),
)


def meaning_of(kind: type[ExchangeError], code: int, message: str) -> str:
    """Return the middle of the sentence `the exchange ...: <its own words>`."""
    if issubclass(kind, OrderExistsError | OrderAbsentError | CancelRefusedError):
        said = None  # decided by what was asked for; the number may mean something else elsewhere
    else:
        said = _OF_CODE.get(code) or (_OF_MESSAGE.get(message) if code in {-2010, -1013} else None)
    if said is not None:
        return said
    return next(
        (words for one, words in _OF_CLASS if issubclass(kind, one)), "answered with an error that decides nothing"
    )
