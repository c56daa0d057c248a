"""Schedule expressions, each by the minutes at which it fires and does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from infra.local.cloud.schedule_expression import ScheduleError, parse

AT = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("expression", "fires", "is_silent"),
    [
        ("cron(* * * * ? *)", ["2023-03-13T10:00", "1999-12-31T23:59"], []),
        ("cron(0 10 * * ? *)", ["2023-03-13T10:00"], ["2023-03-13T10:01", "2023-03-13T22:00"]),
        (
            "cron(15 12 ? * MON-FRI *)",
            ["2023-03-13T12:15", "2023-03-17T12:15"],
            ["2023-03-12T12:15", "2023-03-18T12:15"],
        ),
        ("cron(0/15 * * * ? *)", ["2023-03-13T10:00", "2023-03-13T10:45"], ["2023-03-13T10:10"]),
        ("cron(5/20 * * * ? *)", ["2023-03-13T10:05", "2023-03-13T10:45"], ["2023-03-13T10:00", "2023-03-13T10:20"]),
        ("cron(*/10 * * * ? *)", ["2023-03-13T10:50"], ["2023-03-13T10:55"]),
        (
            "cron(0,30 8-17 ? * 2-6 *)",
            ["2023-03-13T08:30", "2023-03-13T17:00"],
            ["2023-03-13T18:00", "2023-03-12T09:00"],
        ),
        ("cron(0 0 1 JAN,JUL ? *)", ["2023-01-01T00:00", "2023-07-01T00:00"], ["2023-02-01T00:00", "2023-01-02T00:00"]),
        ("cron(0 0 ? * SUN *)", ["2023-03-12T00:00"], ["2023-03-13T00:00"]),
        ("cron(0 0 ? * 1 *)", ["2023-03-12T00:00"], ["2023-03-13T00:00"]),
        ("cron(0 0 ? * 7 *)", ["2023-03-18T00:00"], ["2023-03-19T00:00"]),
        ("cron(0 0 * * ? 2023-2024)", ["2023-03-13T00:00", "2024-02-29T00:00"], ["2025-01-01T00:00"]),
        ("cron(0 0 31 * ? *)", ["2023-03-31T00:00"], ["2023-03-30T00:00"]),
        ("rate(1 minute)", ["2023-03-13T10:00", "2023-03-13T10:01"], []),
        ("rate(5 minutes)", ["2023-03-13T10:05"], ["2023-03-13T10:06"]),
        ("rate(1 hour)", ["2023-03-13T10:00"], ["2023-03-13T10:30"]),
        ("rate(2 days)", ["1970-01-01T00:00", "1970-01-03T00:00"], ["1970-01-02T00:00", "1970-01-03T00:01"]),
    ],
)
def test_it_fires_at_these_minutes_and_no_others(expression: str, fires: list[str], is_silent: list[str]) -> None:
    schedule = parse(expression)
    for minute in fires:
        assert schedule.fires_at(datetime.fromisoformat(minute).replace(tzinfo=UTC)), minute
    for minute in is_silent:
        assert not schedule.fires_at(datetime.fromisoformat(minute).replace(tzinfo=UTC)), minute


def test_seconds_do_not_matter_and_other_time_zones_are_read_in_utc() -> None:
    schedule = parse("cron(0 10 * * ? *)")
    assert schedule.fires_at(AT.replace(second=59, microsecond=999_999))
    assert schedule.fires_at(AT.astimezone(timezone(timedelta(hours=5, minutes=30))))


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("cron(* * * * *)", "5 fields"),
        ("cron(* * * * ? * *)", "7 fields"),
        ("cron(* * * * * *)", "only one"),
        ("cron(* * ? * ? *)", "only one"),
        ("cron(60 * * * ? *)", "minutes: '60' is not between 0 and 59"),
        ("cron(* 24 * * ? *)", "hours"),
        ("cron(* * 0 * ? *)", "day-of-month"),
        ("cron(* * * 13 ? *)", "month"),
        ("cron(* * ? * 8 *)", "day-of-week"),
        ("cron(* * * FOO ? *)", "month"),
        ("cron(30-10 * * * ? *)", "backwards"),
        ("cron(*/0 * * * ? *)", "step"),
        ("cron(/5 * * * ? *)", "minutes"),
        ("cron(* * L * ? *)", "L, W or #"),
        ("cron(* * 15W * ? *)", "L, W or #"),
        ("cron(* * ? * 2#1 *)", "L, W or #"),
        ("cron(* * ? * 6L *)", "L, W or #"),
        ("rate(0 minutes)", "a rate is"),
        ("rate(1 minutes)", "a rate is"),
        ("rate(5 minute)", "a rate is"),
        ("rate(5 weeks)", "a rate is"),
        ("at(2023-03-13T10:00:00)", "neither"),
        ("every minute", "neither"),
    ],
)
def test_what_would_not_fire_as_on_aws_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(ScheduleError, match=reason):
        parse(expression)
