"""Who sent a request: API key, signature over the bytes as sent, and a timestamp inside its window of wire time."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.local.exchange.errors import ApiError, key_rejected, mandatory
from infra.local.exchange.keys import is_signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.local.exchange.parameters import Parameters
    from infra.local.exchange.records import Account

_DEFAULT_WINDOW_MS = 5_000
_MAX_WINDOW_MS = 60_000
_AHEAD_MS = 1_000


def find_account(accounts: Mapping[str, Account], api_key: str | None) -> Account:
    """Return the account of the key in the header."""
    if not api_key:
        raise ApiError(-2014, "API-key format invalid.", HTTPStatus.UNAUTHORIZED)
    account = accounts.get(api_key)
    if account is None:
        raise key_rejected()
    return account


def without_signature(part: str) -> str:
    """Return a query string or body as it was signed."""
    return "&".join(piece for piece in part.split("&") if not piece.startswith("signature="))


def check_signature(account: Account, query: str, body: str, parameters: Parameters) -> None:
    """Hold the signature against query string and body, joined without a separator as Binance documents."""
    signature = parameters.text("signature")
    signed = without_signature(query) + without_signature(body)
    if not is_signed(account, signed.encode(), signature):
        raise ApiError(-1022, "Signature for this request is not valid.")


def check_window(parameters: Parameters, now_ms: int) -> None:
    """Hold the timestamp against its window, as Binance does on receipt."""
    timestamp = parameters.integer("timestamp")
    if timestamp is None:
        raise mandatory("timestamp")
    window = _window_ms(parameters)
    if window > _MAX_WINDOW_MS:
        raise ApiError(-1131, "recvWindow must be less than 60000.")
    if timestamp >= now_ms + _AHEAD_MS:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - timestamp > window:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def check_window_again(parameters: Parameters, now_ms: int, *, is_futures: bool) -> None:
    """Hold the timestamp against its window once more, just before the order is matched."""
    timestamp = parameters.integer("timestamp")
    if timestamp is not None and now_ms - timestamp > _window_ms(parameters):
        if is_futures:
            raise ApiError(-5028, "Timestamp for this request is outside of the ME recvWindow.")
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _window_ms(parameters: Parameters) -> int:
    window = parameters.integer("recvWindow")
    return _DEFAULT_WINDOW_MS if window is None else window
