"""What holds over whole runs: any cut, no look-ahead, books that balance; also on real minutes."""

from __future__ import annotations

import csv
import json
import os
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import START, Desk, held
from tradebot.domain.candle import Candle
from tradebot.domain.position import PositionSide
from tradebot.engine.tick import BotMemory, warm_up

if TYPE_CHECKING:
    from tests.unit.engine.desk import Trade

DATA = Path(os.environ.get("TRADEBOT_DATA", Path(__file__).parents[4] / "shared" / "data"))
MINUTES = DATA / "BTCUSDT-1m-2023-03-01--2023-03-21.csv"

FAST: dict[str, Any] = {
    "ema_fast": 2,
    "ema_slow": 5,
    "rsi_period": 3,
    "custom_ema_fast": 3,
    "custom_ema_slow": 4,
    "custom_rsi_period": 2,
    "rsi_overbought": 90,
    "rsi_oversold": 10,
    "stop_loss_perc": Decimal("0.5"),
    "take_profit_perc": Decimal(1),
    "trailing_stop_active": True,
    "trailing_stop_perc": Decimal("0.7"),
    "max_daily_loss_perc": Decimal("0.5"),
    "max_daily_trades": 20,
}
MOVES = st.tuples(st.integers(-120, 120), st.integers(0, 90), st.integers(0, 90), st.integers(-20, 20))
MARKETS = st.fixed_dictionaries(
    {"strategy": st.sampled_from(["simple", "ema", "custom"]), "position_type": st.sampled_from(["spot", "futures"])}
)


def walk(moves: list[tuple[int, int, int, int]]) -> list[Candle]:
    """Return candles of a random walk around 20,000, two hours before midnight onwards."""
    candles, close = [], Decimal(20_000)
    begin = START.replace(hour=22)
    for number, (move, above, below, jump) in enumerate(moves):
        first = close + jump
        close = max(first + move, Decimal(100))
        high, low = max(first, close) + above, max(min(first, close) - below, Decimal(1))
        candles.append(Candle(begin + timedelta(minutes=2 * number), first, high, low, close, Decimal(1)))
    return candles


def in_json(memory: BotMemory) -> BotMemory:
    return BotMemory.from_json(json.loads(json.dumps(memory.to_json())))


def text_of(memory: BotMemory) -> str:
    return json.dumps(memory.to_json(), sort_keys=True)


def run(desk: Desk, candles: list[Candle], *, through_json: bool = False) -> list[Trade]:
    """Tick after every candle but the last, at the open of the next one, as a replay does."""
    for bar, following in pairwise(candles):
        if through_json:
            desk.memory = in_json(desk.memory)
        desk.tick(0, bar, price=following.open, at=following.open_time)
        assert desk.memory.quote_change == desk.quote
        assert desk.memory.base_held == desk.base
    return desk.trades


@given(
    moves=st.lists(MOVES, min_size=2, max_size=70),
    market=MARKETS,
    side=st.sampled_from([None, *PositionSide]),
    data=st.data(),
)
@settings(max_examples=80, deadline=None)
def test_any_chunking_of_the_candles_gives_the_same_bytes(
    moves: list[tuple[int, int, int, int]], market: dict[str, Any], side: PositionSide | None, data: st.DataObject
) -> None:
    candles = walk(moves)
    last_tick = candles[-1].open_time + timedelta(minutes=2)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(candles) - 1), max_size=6)))

    def fed(bounds: list[int]) -> str:
        desk = Desk.of(timeframe="3m", **{**FAST, **market})
        desk.fills = False
        if side is not None:
            held(desk, side if desk.parameters.is_futures else PositionSide.LONG, number=12 * 60)
        for begin, end in pairwise([0, *bounds, len(candles)]):
            chunk = spaced(candles[begin:end])
            desk.memory = in_json(desk.memory)
            desk.tick(0, *chunk, at=chunk[-1].open_time + timedelta(minutes=3))
        desk.tick(0, at=max(last_tick, desk.memory.last_close_at or last_tick))
        return text_of(desk.memory)

    assert fed(cuts) == fed([]) == fed(list(range(1, len(candles))))


def spaced(candles: list[Candle]) -> list[Candle]:
    """Return the candles on a grid of three minutes, so that midnight comes early enough."""
    begin = START.replace(hour=22)
    grid = []
    for bar in candles:
        number = (bar.open_time - begin) // timedelta(minutes=2)
        grid.append(Candle(begin + timedelta(minutes=3 * number), bar.open, bar.high, bar.low, bar.close, bar.volume))
    return grid


@given(moves=st.lists(MOVES, min_size=2, max_size=90), market=MARKETS)
@settings(max_examples=60, deadline=None)
def test_a_run_whose_memory_is_stored_after_every_tick_trades_the_same(
    moves: list[tuple[int, int, int, int]], market: dict[str, Any]
) -> None:
    candles = minutes(walk(moves))
    straight, stored = Desk.of(**{**FAST, **market}), Desk.of(**{**FAST, **market})
    assert run(straight, candles) == run(stored, candles, through_json=True)
    assert text_of(straight.memory) == text_of(stored.memory)


@given(moves=st.lists(MOVES, min_size=4, max_size=90), market=MARKETS, data=st.data())
@settings(max_examples=60, deadline=None)
def test_candles_after_a_moment_change_nothing_decided_at_or_before_it(
    moves: list[tuple[int, int, int, int]], market: dict[str, Any], data: st.DataObject
) -> None:
    candles = minutes(walk(moves))
    cut = data.draw(st.integers(2, len(candles) - 1))
    whole, short = Desk.of(**{**FAST, **market}), Desk.of(**{**FAST, **market})
    run(whole, candles)
    run(short, candles[:cut])
    # The last tick of the short run knows the open of its last candle, as the whole run did then.
    assert short.decisions == whole.decisions[: cut - 1]


def minutes(candles: list[Candle]) -> list[Candle]:
    begin = START.replace(hour=23, minute=20)
    return [
        Candle(begin + timedelta(minutes=n), bar.open, bar.high, bar.low, bar.close, bar.volume)
        for n, bar in enumerate(candles)
    ]


def test_the_walks_of_the_properties_do_trade() -> None:
    chance = random.Random(1)
    moves = [(chance.randint(-120, 120), chance.randint(0, 90), chance.randint(0, 90), 0) for _ in range(90)]
    reasons: set[str] = set()
    for trailing in (True, False):
        for strategy in ("simple", "ema", "custom"):
            choice = {"strategy": strategy, "position_type": "futures", "trailing_stop_active": trailing}
            reasons |= {trade.reason for trade in run(Desk.of(**{**FAST, **choice}), minutes(walk(moves)))}
    assert {"entry_signal", "exit_signal", "stop_loss", "trailing_stop", "take_profit"} <= reasons


def real_minutes(begin: datetime, end: datetime) -> list[Candle]:
    if not MINUTES.exists():
        pytest.skip(f"{MINUTES} is not here; set TRADEBOT_DATA to the folder of the BTCUSDT minutes")
    with MINUTES.open(newline="") as file:
        return [
            Candle(
                datetime.fromisoformat(row["open_time"]),
                *(Decimal(row[name]) for name in ("open", "high", "low", "close", "volume")),
            )
            for row in csv.DictReader(file)
            if begin <= datetime.fromisoformat(row["open_time"]) < end
        ]


@pytest.mark.parametrize(
    ("market", "strategy", "least_trades", "least_stops"),
    [("spot", "simple", 30, 2), ("spot", "ema", 20, 3), ("futures", "ema", 40, 6), ("futures", "custom", 20, 6)],
)
def test_the_real_minutes_of_13_march_2023_trade_and_the_books_balance(
    market: str, strategy: str, least_trades: int, least_stops: int
) -> None:
    opens = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)
    desk = Desk.of(
        position_type=market,
        strategy=strategy,
        position_size_fixed=Decimal(100 if market == "futures" else 1_000),
        stop_loss_perc=Decimal("0.3"),
        take_profit_perc=Decimal(1),
        trailing_stop_active=True,
        trailing_stop_perc=Decimal("0.4"),
        ema_fast=5,
        ema_slow=13,
        ema_period=21,
        rsi_oversold=20,
        rsi_overbought=80,
        custom_rsi_oversold=20,
        custom_rsi_overbought=80,
    )
    length = desk.parameters.warm_up_candles
    candles = real_minutes(opens - timedelta(minutes=length), opens + timedelta(hours=6, minutes=1))
    assert len(candles) == length + 361
    desk.memory = warm_up(desk.memory, desk.parameters, candles[:length])
    trades = run(desk, candles[length:])
    assert len(trades) >= least_trades
    assert sum(trade.reason in {"stop_loss", "trailing_stop"} for trade in trades) >= least_stops
    realized = [trade.realized_pnl for trade in trades if trade.realized_pnl is not None]
    memory = desk.memory
    assert sum(realized) == memory.realized_pnl
    open_fee = memory.position.entry_fee if memory.position else Decimal(0)
    if market == "futures":
        assert desk.quote == memory.realized_pnl - open_fee
    else:
        assert desk.quote == memory.realized_pnl - open_fee - memory.spot_cost
    assert memory.gaps == 0
    assert sum(trade.action.startswith("enter") for trade in trades) == memory.trades_today
