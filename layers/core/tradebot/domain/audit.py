"""The words of the audit log: `<what>.<what was done>`."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What can be done in an account. Whoever adds a use case that changes something adds its word."""

    ACCOUNT_REGISTERED = "account.registered"
    #: Somebody tried to register with the account's address.
    ACCOUNT_REGISTERED_AGAIN = "account.registered_again"
    ACCOUNT_VERIFIED = "account.verified"
    ACCOUNT_UPDATED = "account.updated"
    ADDRESS_CHANGE_REQUESTED = "account.address_change_requested"
    ADDRESS_CHANGED = "account.address_changed"
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105  a word, not a secret
    PASSWORD_RESET = "account.password_reset"  # noqa: S105  a word, not a secret
    NOTIFICATIONS_CHANGED = "account.notifications_changed"
    WEBHOOK_SET = "account.webhook_set"
    WEBHOOK_REMOVED = "account.webhook_removed"
    SESSION_OPENED = "session.opened"
    SESSION_REFUSED = "session.refused"
    SESSION_REPLAYED = "session.replayed"
    SESSION_ENDED = "session.ended"
    SESSIONS_ENDED = "session.all_ended"
    API_KEY_CREATED = "api_key.created"
    API_KEY_UPDATED = "api_key.updated"
    API_KEY_REPLACED = "api_key.replaced"
    API_KEY_CHECK_REQUESTED = "api_key.check_requested"
    API_KEY_DELETED = "api_key.deleted"
    BOT_CREATED = "bot.created"
    BOT_CLONED = "bot.cloned"
    BOT_UPDATED = "bot.updated"
    BOT_DELETED = "bot.deleted"
    BOT_STARTED = "bot.started"
    BOT_STOPPED = "bot.stopped"
    BOT_CLOSE_REQUESTED = "bot.close_requested"
    BOT_KILL_SWITCH_SET = "bot.kill_switch_set"
    BOT_KILL_SWITCH_CLEARED = "bot.kill_switch_cleared"
    KILL_SWITCH_SET = "account.kill_switch_set"
    KILL_SWITCH_CLEARED = "account.kill_switch_cleared"
    CLOSE_REQUESTED = "account.close_requested"
