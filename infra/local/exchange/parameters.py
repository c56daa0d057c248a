"""A request's parameters, read one by one as Binance reads them, with its refusals for what is missing or malformed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from infra.local.exchange.errors import ApiError, mandatory

if TYPE_CHECKING:
    from collections.abc import Collection

_DECIMAL = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$")
_INTEGER = re.compile(r"^[0-9]{1,20}$")
_SIGNING = frozenset({"timestamp", "recvWindow", "signature"})


class Parameters:
    """Query string and body of a request together; where both hold a parameter, the query string's counts."""

    def __init__(self, *parts: str) -> None:
        self._values: dict[str, str] = {}
        for part in parts:
            own: dict[str, str] = {}
            for name, value in parse_qsl(part, keep_blank_values=True):
                if name in own:
                    raise ApiError(-1101, f"Duplicate values for parameter '{name}'.")
                own[name] = value
            self._values = own | self._values
        self._read: set[str] = set(_SIGNING)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def optional(self, name: str) -> str | None:
        """Return the text of `name`, or None where it was not sent; refuses an empty one."""
        self._read.add(name)
        value = self._values.get(name)
        if value == "":
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        return value

    def text(self, name: str) -> str:
        """Return the text of a mandatory parameter."""
        self._read.add(name)
        value = self._values.get(name)
        if not value:
            raise mandatory(name)
        return value

    def matching(self, name: str, pattern: re.Pattern[str]) -> str | None:
        """Return the text of `name` where all of it matches."""
        value = self.optional(name)
        if value is not None and not pattern.fullmatch(value):
            raise _illegal(name, pattern)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """Return a number written without sign and exponent."""
        value = self.matching(name, _DECIMAL)
        return None if value is None else Decimal(value)

    def integer(self, name: str) -> int | None:
        """Return a whole number."""
        value = self.matching(name, _INTEGER)
        return None if value is None else int(value)

    def bounded(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 to `most`; more than that is cut, as Binance does."""
        value = self.integer(name)
        if value is None:
            return default
        if value < 1:
            raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return min(value, most)

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return true or false, whatever their case."""
        value = self.optional(name)
        if value is None:
            return default
        if value.lower() not in {"true", "false"}:
            raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value.lower() == "true"

    def choice(self, name: str, choices: Collection[str], refusal: ApiError) -> str | None:
        """Return one of `choices`; raises `refusal` for anything else."""
        value = self.optional(name)
        if value is not None and value not in choices:
            raise refusal
        return value

    def refuse_unread(self) -> None:
        """Refuse what no one asked for, as the spot API does."""
        unread = self._values.keys() - self._read
        if unread:
            count, sent = len(self._values) - len(unread), len(self._values)
            raise ApiError(
                -1104, f"Not all sent parameters were read; read '{count}' parameter(s) but was sent '{sent}'."
            )


def _illegal(name: str, pattern: re.Pattern[str]) -> ApiError:
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{pattern.pattern}'.")
