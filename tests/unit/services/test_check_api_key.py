"""What is refused of an exchange key, what is only warned of, and in which words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tradebot.exchange.venue_records import KeyReport
from tradebot.services.check_api_key import objection_to, warning_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = KeyReport(
    can_read=True,
    can_trade_spot=True,
    can_trade_futures=True,
    can_withdraw=False,
    can_transfer=False,
    can_transfer_to_subaccounts=False,
    is_ip_restricted=True,
)


def test_a_good_key_is_neither_refused_nor_warned_of() -> None:
    assert (objection_to(GOOD, NOW), warning_of(GOOD, NOW)) == (None, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"can_withdraw": True}, "may withdraw"),
        ({"can_read": False}, "may not read"),
        ({"can_trade_spot": False, "can_trade_futures": False}, "may not trade"),
        ({"expires_at": NOW}, "ended on 2026-11-22"),
        ({"expires_at": NOW - timedelta(days=40), "can_trade_spot": False, "can_trade_futures": False}, "ended on"),
    ],
)
def test_a_key_is_refused_in_clear_words(changes: dict[str, Any], words: str) -> None:
    assert words in (objection_to(GOOD._replace(**changes), NOW) or "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_ip_restricted": False}, "any IP address"),
        ({"can_transfer_to_subaccounts": True}, "sub-accounts"),
        ({"expires_at": NOW + timedelta(days=3)}, "ends on 2026-11-25"),
        ({"can_trade_futures": False}, "spot only"),
        ({"can_trade_spot": False}, "futures only"),
    ],
)
def test_a_key_that_works_is_warned_of_and_not_refused(changes: dict[str, Any], words: str) -> None:
    report = GOOD._replace(**changes)
    assert objection_to(report, NOW) is None
    assert words in (warning_of(report, NOW) or "")


def test_what_the_testnet_does_not_say_is_not_warned_of() -> None:
    assert warning_of(GOOD._replace(is_ip_restricted=None), NOW) is None


def test_an_expiry_that_is_far_off_is_not_warned_of() -> None:
    assert warning_of(GOOD._replace(expires_at=NOW + timedelta(days=60)), NOW) is None
