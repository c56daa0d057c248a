"""Where a page ends, as an opaque text that the next request hands back. Pages go by key, never by offset."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tradebot.errors import InvalidInputError

MAX_ID = 2_147_483_647
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MICROSECONDS = 253_402_300_799_999_999  # the end of the year 9999


class Position(NamedTuple):
    """The key of the last item that was seen."""

    at: datetime
    id: int


def encode_position(at: datetime, row_id: int) -> str:
    """Return the cursor after the item of this time and id."""
    microseconds = (at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{microseconds}.{row_id}".encode()).decode().rstrip("=")


def decode_position(cursor: str) -> Position:
    """Return the position that `encode_position` wrote. Raises InvalidInputError for anything else."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        microseconds, row_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").split(".")
        at, key = int(microseconds), int(row_id)
    except (binascii.Error, ValueError) as error:
        raise _not_a_cursor() from error
    if not (0 <= at <= _MAX_MICROSECONDS and 0 < key <= MAX_ID):
        raise _not_a_cursor()
    return Position(_EPOCH + timedelta(microseconds=at), key)


def _not_a_cursor() -> InvalidInputError:
    return InvalidInputError(
        "This is not a cursor: hand back the next_cursor of the page before, unchanged.", field="cursor", rule="cursor"
    )
