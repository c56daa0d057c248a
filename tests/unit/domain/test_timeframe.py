"""Opens and closes of Binance's candle intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradebot.domain.timeframe import Timeframe

MOMENTS = st.datetimes(datetime(2017, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_every_interval_of_binance_is_known_by_its_own_name() -> None:
    assert " ".join(Timeframe) == "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"


@pytest.mark.parametrize(
    ("timeframe", "moment", "opens", "closes"),
    [
        ("1s", "2023-03-13T10:00:00.9", "2023-03-13T10:00:00", "2023-03-13T10:00:01"),
        ("1m", "2023-03-13T10:00:59", "2023-03-13T10:00:00", "2023-03-13T10:01:00"),
        ("15m", "2023-03-13T10:44:59", "2023-03-13T10:30:00", "2023-03-13T10:45:00"),
        ("4h", "2023-03-13T10:00:00", "2023-03-13T08:00:00", "2023-03-13T12:00:00"),
        ("1d", "2023-03-13T23:59:59", "2023-03-13T00:00:00", "2023-03-14T00:00:00"),
        ("1w", "2023-03-19T23:59:59", "2023-03-13T00:00:00", "2023-03-20T00:00:00"),
        ("1M", "2024-02-29T23:59:59", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("1M", "2023-12-31T00:00:00", "2023-12-01T00:00:00", "2024-01-01T00:00:00"),
    ],
)
def test_a_moment_falls_into_the_candle_that_is_open_then(timeframe: str, moment: str, opens: str, closes: str) -> None:
    frame = Timeframe(timeframe)
    assert frame.floor(at(moment)) == at(opens)
    assert frame.close_of(at(opens)) == at(closes)
    assert frame.next_close(at(moment)) == at(closes)


def test_weeks_open_on_mondays_and_months_on_their_first() -> None:
    assert Timeframe.W1.floor(at("2023-03-19T12:00:00")).weekday() == 0
    assert Timeframe.MONTH.floor(at("2023-03-19T12:00:00")).day == 1


def test_a_close_belongs_to_the_candle_that_opens_there() -> None:
    assert Timeframe.M1.floor(at("2023-03-13T10:01:00")) == at("2023-03-13T10:01:00")
    assert Timeframe.M1.last_closed(at("2023-03-13T10:01:00")) == at("2023-03-13T10:00:00")
    assert Timeframe.M1.last_closed(at("2023-03-13T10:01:59")) == at("2023-03-13T10:00:00")
    assert Timeframe.MONTH.last_closed(at("2023-03-13T10:01:59")) == at("2023-02-01T00:00:00")


def test_other_time_zones_name_the_same_candle() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert Timeframe.D1.floor(datetime(2023, 3, 14, 8, 0, tzinfo=tokyo)) == at("2023-03-13T00:00:00")


@given(st.sampled_from(list(Timeframe)), MOMENTS)
@settings(max_examples=200, deadline=None)
def test_candles_tile_time_without_gap_or_overlap(timeframe: Timeframe, moment: datetime) -> None:
    opens = timeframe.floor(moment)
    closes = timeframe.close_of(opens)
    assert opens <= moment < closes
    assert timeframe.floor(closes) == closes
    assert timeframe.floor(closes - timedelta(microseconds=1)) == opens
    assert timeframe.last_closed(closes) == opens
    assert (closes - opens).total_seconds() >= timeframe.seconds
