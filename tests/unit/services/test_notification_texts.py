"""What users read of events: there is a text for whatever the outbox may hold, and it survives what a payload lacks."""

from __future__ import annotations

import pytest

from tradebot.domain.message import MessageKind
from tradebot.services.mail_texts import MAIL_TEXTS
from tradebot.services.notification_texts import notification_text


@pytest.mark.parametrize("kind", [kind for kind in MessageKind if kind not in MAIL_TEXTS])
def test_every_kind_has_a_text_whatever_its_payload_lacks(kind: MessageKind) -> None:
    subject, text = notification_text(kind, {})
    assert subject
    assert text
