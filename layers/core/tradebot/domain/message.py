"""The kinds of messages to users that the outbox holds."""

from __future__ import annotations

from enum import StrEnum


class MessageKind(StrEnum):
    """What a user is told."""

    VERIFY_ADDRESS = "verify_address"
    ALREADY_REGISTERED = "already_registered"
    RESET_PASSWORD = "reset_password"  # noqa: S105  a word, not a secret
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  a word, not a secret
    ADDRESS_CHANGED = "address_changed"
    STOP_FIRED = "stop_fired"
    TAKE_PROFIT_FILLED = "take_profit_filled"
    PAUSED_BY_LIMIT = "paused_by_limit"
    KEY_REFUSED = "key_refused"
    ORDER_STUCK = "order_stuck"
