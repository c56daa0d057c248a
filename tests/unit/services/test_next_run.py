"""When a bot is due again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tradebot.services.run_bot.ending import next_run_at


@pytest.mark.parametrize(
    ("tick", "interval", "expected"),
    [
        ("10:00", 60, "10:01"),
        ("10:00", 1, "10:01"),
        ("10:00", 61, "10:02"),
        ("10:03", 300, "10:05"),
        ("10:05", 300, "10:10"),
        ("10:59", 3_600, "11:00"),
    ],
)
def test_a_bot_is_due_on_the_grid_of_its_interval(tick: str, interval: int, expected: str) -> None:
    def at(text: str) -> datetime:
        return datetime.fromisoformat(f"2023-03-13T{text}:00").replace(tzinfo=UTC)

    assert next_run_at(at(tick), interval) == at(expected)
