"""EventBridge's schedule expressions: `cron(...)` with six fields, and `rate(...)`.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
L, W and # are refused: a rule that would never fire here, or at other times than on AWS, is worse than none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = dict(
    zip(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], range(1, 13), strict=True)
)
DAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(1, 8), strict=True))
MINUTE = timedelta(minutes=1)
UNITS = {"minute": MINUTE, "hour": timedelta(hours=1), "day": timedelta(days=1)}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ScheduleError(ValueError):
    """The expression is not valid, or says something that is not carried out here; the message says what."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something fires, by the minute, in UTC."""

    expression: str
    minutes: frozenset[int] = frozenset()
    hours: frozenset[int] = frozenset()
    days_of_month: frozenset[int] | None = None
    months: frozenset[int] = frozenset()
    days_of_week: frozenset[int] | None = None
    years: frozenset[int] = frozenset()
    every: timedelta | None = None

    def fires_at(self, at: datetime) -> bool:
        """Whether it fires in the minute of `at` (aware).

        A rate counts from the epoch: on AWS it counts from the rule's creation, which no replay could repeat.
        """
        at = at.astimezone(UTC).replace(second=0, microsecond=0)
        if self.every is not None:
            return (at - EPOCH) % self.every == timedelta(0)
        return (
            at.minute in self.minutes
            and at.hour in self.hours
            and at.month in self.months
            and at.year in self.years
            and (self.days_of_month is None or at.day in self.days_of_month)
            and (self.days_of_week is None or at.isoweekday() % 7 + 1 in self.days_of_week)
        )


def parse(expression: str) -> Schedule:
    """Return the schedule of an expression. Raises ScheduleError."""
    kind = re.fullmatch(r"(cron|rate)\((.*)\)", expression.strip())
    if kind is None:
        raise ScheduleError(f"{expression!r} is neither cron(...) nor rate(...)")
    return _rate(expression, kind[2]) if kind[1] == "rate" else _cron(expression, kind[2])


def _rate(expression: str, text: str) -> Schedule:
    match = re.fullmatch(r"([1-9]\d*) (minute|hour|day)(s?)", text)
    if match is None or (int(match[1]) == 1) == bool(match[3]):
        raise ScheduleError(f"{expression!r}: a rate is `1 minute`, `5 minutes`, `1 hour`, `2 days` and the like")
    return Schedule(expression, every=int(match[1]) * UNITS[match[2]])


def _cron(expression: str, text: str) -> Schedule:
    fields = text.split()
    if len(fields) != 6:
        raise ScheduleError(
            f"{expression!r} has {len(fields)} fields; there are six: minutes hours day-of-month month day-of-week year"
        )
    minutes, hours, day_of_month, month, day_of_week, year = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ScheduleError(f"{expression!r}: one of day-of-month and day-of-week is `?`, and only one")

    def field(name: str, text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
        return frozenset().union(
            *(_part(f"{expression!r}, {name}", part, low, high, names or {}) for part in text.split(","))
        )

    return Schedule(
        expression,
        minutes=field("minutes", minutes, 0, 59),
        hours=field("hours", hours, 0, 23),
        days_of_month=None if day_of_month == "?" else field("day-of-month", day_of_month, 1, 31),
        months=field("month", month, 1, 12, MONTHS),
        days_of_week=None if day_of_week == "?" else field("day-of-week", day_of_week, 1, 7, DAYS),
        years=field("year", year, 1970, 2199),
    )


def _part(where: str, part: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    span, slash, step_text = part.partition("/")
    if slash and not re.fullmatch(r"[1-9]\d*", step_text):
        raise ScheduleError(f"{where}: {part!r} has no step after its slash")
    step = int(step_text) if slash else 1
    if span == "*":
        return frozenset(range(low, high + 1, step))
    first_text, dash, last_text = span.partition("-")
    first = _value(where, first_text, low, high, names)
    if dash:
        last = _value(where, last_text, low, high, names)
        if last < first:
            raise ScheduleError(f"{where}: the range {span!r} runs backwards")
    else:
        last = high if slash else first
    return frozenset(range(first, last + 1, step))


def _value(where: str, text: str, low: int, high: int, names: dict[str, int]) -> int:
    value = names.get(text.upper())
    if value is not None:
        return value
    if re.fullmatch(r"\d*L|L-\d+|\d*LW|\d+W|\d+#\d+|[A-Za-z]{3}#\d", text):
        raise ScheduleError(f"{where}: {text!r} uses L, W or #, which this machine does not carry out")
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ScheduleError(f"{where}: {text!r} is not between {low} and {high}")
    return int(text)
