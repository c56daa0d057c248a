"""What is promised of any backtest, over random cuts, kills, orders and holes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from tests.fixtures.aws import moto_aws
from tests.proofs.backtests import Exchange, Line, market_candles, prove
from tests.proofs.fetching import fetch
from tradebot.aws.object_store import S3ObjectStore
from tradebot.domain.market import MarketType
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.candles import to_ms
from tradebot.services import exchange_budget
from tradebot.services.run_backtest.candle_cache import CandleCache, month_end
from tradebot.services.run_backtest.fetch import FetchCandles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with moto_aws():
        yield


def test_chunked_equals_unchunked_to_the_byte_whatever_is_cut_shuffled_or_killed(migrated_engine: Engine) -> None:
    assert prove(migrated_engine, 5).killed > 5


@pytest.mark.parametrize(("market", "weight_limit"), [("spot", 100), ("futures", 200)])
def test_minutes_are_fetched_within_the_exchanges_limits_without_one_refusal(
    migrated_engine: Engine, market: str, weight_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_budget, "count", lambda _name: None)  # an invocation's metrics, of which there is none
    begin, end = datetime(2023, 2, 3, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC)
    # A month in a twelfth of the futures' limits: the relation is that of a year to all of them.
    fetched = fetch(migrated_engine, MarketType(market), begin, end, weight_limit)
    assert fetched.candles == 28 * 1440
    assert fetched.settlements == (28 * 3 if market == "futures" else 0)
    assert fetched.waited >= 1
    assert fetched.refused == {}
    # What a step had set aside and not used was given back.
    assert fetched.booked == fetched.counted


def test_a_month_that_is_fetched_twice_at_once_is_stored_once() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="candles", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    cache = CandleCache(S3ObjectStore(lambda: s3, "candles"), "spot", "BTCUSDT", Timeframe.M15)
    line, no_session = Line(Exchange(market_candles(1))), None
    step = FetchCandles(cast("Any", no_session), cache.store, lambda *_: cast("Any", line))
    fetch = partial(step._fetch, cast("Any", line), cache, "2023-01", to_ms(month_end("2023-01")), lambda: 60_000)
    with ThreadPoolExecutor(4) as pool:
        stored = [one.result() for one in [pool.submit(fetch) for _ in range(4)]]
    assert sorted(stored) == [False, False, False, True]
    (block,) = cache.closed_months().values()
    before = s3.head_object(Bucket="candles", Key=block.key)["LastModified"]
    assert fetch() is False
    assert s3.head_object(Bucket="candles", Key=block.key)["LastModified"] == before
    held = cache.load(block)
    assert len(held) == 31 * 96 - 8 - 1  # two hours of one hole lie in January, and the other hole
