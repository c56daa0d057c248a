"""What counts as a candle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tradebot.domain.candle import Candle
from tradebot.errors import InvalidInputError

AT = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)


def candle(prices: str, volume: str = "1", at: datetime = AT) -> Candle:
    first, high, low, close = (Decimal(price) for price in prices.split())
    return Candle(at, first, high, low, close, Decimal(volume))


def test_a_candle_whose_prices_agree_is_taken() -> None:
    assert candle("100 101 99 100").high == 101
    assert candle("100 100 100 100", volume="0").volume == 0


@pytest.mark.parametrize(
    "prices", ["100 99 98 99", "100 101 100.5 101", "100 101 99 102", "100 101 99 98", "100 101 0 100", "-1 1 -2 1"]
)
def test_a_candle_that_contradicts_itself_is_refused(prices: str) -> None:
    with pytest.raises(InvalidInputError, match="contradicts itself"):
        candle(prices)


@pytest.mark.parametrize("prices", ["NaN 101 99 100", "100 Infinity 99 100", "100 101 sNaN 100", "100 101 99 NaN"])
def test_a_candle_of_no_numbers_is_refused(prices: str) -> None:
    with pytest.raises(InvalidInputError, match="not finite"):
        candle(prices)


def test_a_negative_volume_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="contradicts itself"):
        candle("100 101 99 100", volume="-1")


@pytest.mark.parametrize("at", [AT.replace(tzinfo=None), AT.astimezone(timezone(timedelta(hours=1)))])
def test_open_times_are_aware_and_in_utc(at: datetime) -> None:
    with pytest.raises(InvalidInputError, match="not in UTC"):
        candle("100 101 99 100", at=at)
