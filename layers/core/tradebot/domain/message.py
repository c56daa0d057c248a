"""The kinds of messages to users that the outbox holds, and the channels by which they go."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


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
    BACKTEST_READY = "backtest_ready"
    KILL_SWITCH_SET = "kill_switch_set"
    WEBHOOK_GIVEN_UP = "webhook_given_up"
    WEBHOOK_TEST = "webhook_test"


class Channel(StrEnum):
    """How a message goes."""

    MAIL = "mail"
    WEBHOOK = "webhook"


#: What users switch on and off, by channel; the rest is about the account itself.
NOTIFICATIONS = (
    MessageKind.STOP_FIRED,
    MessageKind.TAKE_PROFIT_FILLED,
    MessageKind.PAUSED_BY_LIMIT,
    MessageKind.KEY_REFUSED,
    MessageKind.ORDER_STUCK,
    MessageKind.BACKTEST_READY,
    MessageKind.KILL_SWITCH_SET,
)


def key_refusal(api_key_id: int, known_since: datetime) -> str:
    """Name the refusal of a key that was last known at `known_since`: whoever meets it first tells it, nobody again."""
    return f"key:{api_key_id}:{known_since.astimezone(UTC).isoformat()}"
