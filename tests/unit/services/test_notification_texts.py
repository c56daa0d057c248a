"""Every kind of message has words, whatever its payload lacks."""

from __future__ import annotations

from typing import get_args

import pytest

from tradebot.domain.message import NOTIFICATIONS, MessageKind
from tradebot.services.mail_texts import MAIL_TEXTS
from tradebot.services.notification_texts import notification_text
from tradebot_api.schemas.words import NotificationKind

#: Neither about the account itself nor switched: sent where the user asked for it, or where a webhook fails.
OTHERS = (MessageKind.WEBHOOK_GIVEN_UP, MessageKind.WEBHOOK_TEST)


def test_every_kind_is_mailed_as_the_accounts_own_or_can_be_switched() -> None:
    assert {*MAIL_TEXTS, *NOTIFICATIONS, *OTHERS} == set(MessageKind)
    assert not set(MAIL_TEXTS) & {*NOTIFICATIONS, *OTHERS}


def test_the_api_switches_what_can_be_switched() -> None:
    assert get_args(NotificationKind) == tuple(kind.value for kind in NOTIFICATIONS)


@pytest.mark.parametrize("kind", [*NOTIFICATIONS, *OTHERS])
def test_a_notification_is_one_line_and_a_text(kind: MessageKind) -> None:
    for payload in ({}, {"bot": "two\nlines", "bot_config_id": 7, "symbol": "BTCUSDT", "reason": "x" * 400}):
        subject, text = notification_text(kind, payload)
        assert "\n" not in subject
        assert 0 < len(subject) <= 150
        assert text
