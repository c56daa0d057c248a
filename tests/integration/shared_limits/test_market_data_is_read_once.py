"""Filters and candles are asked of the exchange once, however many workers want them at the same moment."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

from tradebot.domain.candle import Candle
from tradebot.domain.symbol import ListedSymbol, SymbolRules
from tradebot.errors import ExchangeUnavailableError, OrderRejectedError
from tradebot.repositories.market_cache import drop_old_candles
from tradebot.repositories.session import session_scope
from tradebot.services import market_cache
from tradebot.services.market_cache import MarketCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    EngineAs = Callable[[str | None], Engine]

NOON = datetime(2023, 3, 13, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = SymbolRules(
    "BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(9000), Decimal("5.00")
)


def candle(minute: int) -> Candle:
    price = Decimal(f"{20_000 + minute}.10")
    return Candle(NOON + minute * MINUTE, price, price + 1, price - 1, price, Decimal("1.50000"))


class Source:
    """An exchange whose newest candle forms at `now`; it counts what it is asked."""

    def __init__(self, now: int = 100, pause: float = 0.0) -> None:
        self.now, self.pause = now, pause
        self.missing: set[int] = set()
        self.asked: list[tuple[int, int]] = []
        self.lists_read = 0
        self.symbols = [ListedSymbol(RULES, "TRADING")]
        self.fails = False

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> Sequence[Candle]:
        assert (symbol, timeframe) == ("BTCUSDT", "1m")
        first, end = (start_at - NOON) // MINUTE, -((NOON - end_at) // MINUTE)
        self.asked.append((first, end))
        time.sleep(self.pause)
        if self.fails:
            raise ExchangeUnavailableError("the exchange gave no answer")
        return [candle(one) for one in range(first, min(end, self.now + 1)) if one not in self.missing]

    def listing(self) -> Sequence[ListedSymbol]:
        self.lists_read += 1
        time.sleep(self.pause)
        if self.fails:
            raise ExchangeUnavailableError("the exchange gave no answer")
        return self.symbols

    def price(self, symbol: str) -> Decimal:
        raise NotImplementedError(symbol)

    def trading_price(self, symbol: str) -> Decimal | None:
        raise NotImplementedError(symbol)

    def wire_now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@pytest.fixture
def worker(engine_as: EngineAs) -> Callable[..., MarketCache]:
    def make(source: Source, venue: str = "live-spot") -> MarketCache:
        return MarketCache(partial(session_scope, engine_as("app_worker")), venue, source)

    return make


def opens(cache: MarketCache, first: int, end: int) -> list[int]:
    found = cache.candles("BTCUSDT", "1m", NOON + first * MINUTE, NOON + end * MINUTE)
    assert list(found) == [candle((one.open_time - NOON) // MINUTE) for one in found]
    return [(one.open_time - NOON) // MINUTE for one in found]


def test_a_stampede_of_workers_makes_one_request(worker: Callable[..., MarketCache]) -> None:
    source = Source(pause=0.3)
    caches = [worker(source) for _ in range(12)]
    begin = threading.Barrier(12)

    def look(cache: MarketCache) -> list[int]:
        begin.wait()
        cache.symbol_rules("BTCUSDT")
        return opens(cache, 0, 100)

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(look, caches))
    assert found == [list(range(100))] * 12
    assert source.asked == [(0, 102)]
    assert source.lists_read == 1


def test_a_stored_candle_is_the_very_candle_to_its_last_digit(worker: Callable[..., MarketCache]) -> None:
    source = Source()
    worker(source).candles("BTCUSDT", "1m", NOON, NOON + MINUTE)
    (stored,) = worker(source).candles("BTCUSDT", "1m", NOON, NOON + MINUTE)
    assert [str(stored.open), str(stored.volume)] == ["20000.10", "1.50000"]
    assert len(source.asked) == 1


def test_what_is_covered_grows_by_what_is_asked_and_has_no_hole(worker: Callable[..., MarketCache]) -> None:
    source = Source()
    assert opens(worker(source), 50, 60) == list(range(50, 60))
    assert opens(worker(source), 60, 61) == [60]
    assert opens(worker(source), 50, 61) == list(range(50, 61))
    assert source.asked == [(50, 62), (60, 63)]
    # An earlier beginning is asked for as a whole; a stretch that does not touch takes the covered one's place.
    assert opens(worker(source), 40, 61) == list(range(40, 61))
    assert opens(worker(source), 80, 81) == [80]
    assert opens(worker(source), 40, 81) == list(range(40, 81))
    assert len(source.asked) == 5


def test_a_gap_in_the_data_is_asked_for_once(worker: Callable[..., MarketCache]) -> None:
    source = Source()
    source.missing = {5, 6}
    for _ in range(3):
        assert opens(worker(source), 0, 10) == [0, 1, 2, 3, 4, 7, 8, 9]
    assert len(source.asked) == 1


def test_a_newest_candle_that_the_exchange_lacks_is_asked_for_again_a_moment_later(
    worker: Callable[..., MarketCache], migrated_engine: Engine
) -> None:
    source = Source(now=8)
    for _ in range(3):
        assert opens(worker(source), 0, 10) == list(range(9))
    assert len(source.asked) == 1
    with migrated_engine.begin() as connection:
        connection.execute(text("UPDATE candle_series SET answered_at = answered_at - interval '3 s'"))
    source.now = 20
    assert opens(worker(source), 0, 10) == list(range(10))
    assert len(source.asked) == 2


def test_a_closed_candle_does_not_change(worker: Callable[..., MarketCache], engine_as: EngineAs) -> None:
    opens(worker(Source()), 0, 3)
    with (
        pytest.raises(Exception, match="permission denied"),
        session_scope(engine_as("app_worker"), None) as session,
    ):
        session.execute(text("UPDATE candles SET close = 1"))


def test_a_candle_that_closed_this_moment_is_read_again_once_it_cannot_change(
    worker: Callable[..., MarketCache], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(now=9)
    monkeypatch.setattr(source, "wire_now_ms", lambda: int((NOON + 10 * MINUTE).timestamp() * 1000) + 1_500)
    began = time.monotonic()
    threading.Timer(0.3, lambda: setattr(source, "now", 10)).start()
    assert opens(worker(source), 9, 10) == [9]
    assert time.monotonic() - began >= 0.5
    assert source.asked == [(9, 12), (9, 12)]


def test_the_first_price_of_the_forming_candle_is_shared_too(worker: Callable[..., MarketCache]) -> None:
    source = Source(now=10)
    for _ in range(2):
        found, price = worker(source).candles_with_opening("BTCUSDT", "1m", NOON + 8 * MINUTE, NOON + 10 * MINUTE)
        assert ([one.open_time for one in found], price) == ([NOON + 8 * MINUTE, NOON + 9 * MINUTE], candle(10).open)
    assert worker(source).candles_with_opening("BTCUSDT", "1m", NOON + 10 * MINUTE, NOON + 10 * MINUTE)[1] is not None
    assert len(source.asked) == 1


def test_the_answer_tells_the_price_of_the_last_trade_to_the_one_that_asked(worker: Callable[..., MarketCache]) -> None:
    def price(source: Source, end: int) -> Decimal | None:
        return worker(source).candles_and_price("BTCUSDT", "1m", NOON, NOON + end * MINUTE)[1]

    assert price(Source(now=10), 10) == candle(10).close
    assert price(Source(now=10), 10) is None, "from the database: of some moment before"
    assert price(Source(now=13), 12) == candle(13).close, "the one that opened at the end has closed meanwhile"
    assert price(Source(now=13), 14) is None, "no trade since"


def test_a_worker_that_fails_lets_another_one_try(worker: Callable[..., MarketCache]) -> None:
    source = Source()
    source.fails = True
    with pytest.raises(ExchangeUnavailableError):
        opens(worker(source), 0, 3)
    with pytest.raises(ExchangeUnavailableError):
        worker(source).symbol_rules("BTCUSDT")
    source.fails = False
    assert opens(worker(source), 0, 3) == [0, 1, 2]
    assert worker(source).symbol_rules("BTCUSDT") == RULES


def test_a_worker_that_died_holds_its_claim_for_a_while_only(
    worker: Callable[..., MarketCache], migrated_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_cache, "PATIENCE_SECONDS", 0.2)
    source = Source()
    opens(worker(source), 0, 1)
    with migrated_engine.begin() as connection:
        connection.execute(text("UPDATE candle_series SET fetching_until = now() + interval '15 s'"))
    with pytest.raises(ExchangeUnavailableError, match="Another worker is still reading"):
        opens(worker(source), 0, 3)
    with migrated_engine.begin() as connection:
        connection.execute(text("UPDATE candle_series SET fetching_until = now() - interval '1 s'"))
    assert opens(worker(source), 0, 3) == [0, 1, 2]


def test_a_worker_that_waits_for_another_looks_by_one_statement_and_says_how_long_it_waited(
    engine_as: EngineAs, migrated_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_cache, "PATIENCE_SECONDS", 0.2)
    engine = engine_as("app_worker")
    cache = MarketCache(partial(session_scope, engine), "live-spot", Source())
    opens(cache, 0, 1)
    assert cache.waited_seconds == 0
    with migrated_engine.begin() as connection:
        connection.execute(text("UPDATE candle_series SET fetching_until = now() + interval '15 s'"))
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2].split()[0]))
    with pytest.raises(ExchangeUnavailableError, match="Another worker is still reading"):
        opens(cache, 0, 3)
    assert set(statements) == {"SELECT"}, "nothing is claimed that another has"
    assert cache.waited_seconds >= 0.1


def test_no_connection_is_held_while_the_exchange_answers(engine_as: EngineAs) -> None:
    engine = engine_as("app_worker")
    source = Source()
    held: list[int] = []
    asked = source.candles

    def watched(*arguments: object) -> Sequence[Candle]:
        held.append(engine.pool.checkedout())  # type: ignore[attr-defined]  # a QueuePool
        return asked(*arguments)  # type: ignore[arg-type]

    source.candles = watched  # type: ignore[method-assign, assignment]
    opens(MarketCache(partial(session_scope, engine), "live-spot", source), 0, 3)
    assert held == [0]


def test_filters_are_read_again_after_an_hour_and_a_stale_list_serves_where_the_exchange_does_not_answer(
    worker: Callable[..., MarketCache], migrated_engine: Engine
) -> None:
    source = Source()
    source.symbols = [ListedSymbol(RULES, "TRADING"), ListedSymbol(replace(RULES, symbol="OLDUSDT"), "BREAK")]
    assert worker(source).symbol_rules("OLDUSDT").symbol == "OLDUSDT"
    with pytest.raises(OrderRejectedError, match="does not trade NONEUSDT"):
        worker(source).symbol_rules("NONEUSDT")
    assert source.lists_read == 1
    with migrated_engine.begin() as connection:
        connection.execute(text("UPDATE markets SET listed_at = now() - interval '61 min'"))
    source.fails = True
    assert worker(source).symbol_rules("BTCUSDT") == RULES
    source.fails = False
    source.symbols = [ListedSymbol(replace(RULES, min_notional=Decimal(10)), "TRADING")]
    assert worker(source).symbol_rules("BTCUSDT").min_notional == 10
    with pytest.raises(OrderRejectedError):
        worker(source).symbol_rules("OLDUSDT")
    assert source.lists_read == 3


def test_maintenance_keeps_the_newest_candles_and_drops_what_nobody_asks_for(
    worker: Callable[..., MarketCache], engine_as: EngineAs, migrated_engine: Engine
) -> None:
    source = Source()
    opens(worker(source), 0, 90)
    opens(worker(source, "live-futures"), 0, 5)
    with migrated_engine.begin() as connection:
        connection.execute(
            text("UPDATE candle_series SET answered_at = now() - interval '3 days' WHERE venue = 'live-futures'")
        )
    with session_scope(engine_as("app_maintenance"), None) as session:
        drop_old_candles(session, unused_days=2, most=10)
    with migrated_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM candles")).scalar() == 10
        assert connection.execute(text("SELECT venue FROM candle_series")).scalars().all() == ["live-spot"]
    source.asked.clear()
    assert opens(worker(source), 80, 90) == list(range(80, 90))
    assert source.asked == []
    assert opens(worker(source), 79, 90) == list(range(79, 90))
    assert source.asked == [(79, 92)]
