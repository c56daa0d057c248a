"""The memory's one JSON form."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import Desk, candle, held
from tradebot.domain.order import ExitReason
from tradebot.domain.position import Position, PositionSide
from tradebot.engine.memory import BotMemory, PendingEntry, PendingExit
from tradebot.engine.tick import restart_memory, start_memory, warm_up
from tradebot.errors import ConfigurationError, ConflictError, InvalidInputError

MONEY = st.decimals(Decimal(-(10**9)), Decimal(10**9), places=8)
MOMENTS = st.datetimes(datetime(2017, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone
POSITIONS = st.builds(
    Position,
    side=st.sampled_from(PositionSide),
    entry_key=st.text(max_size=20),
    entry_close_at=MOMENTS,
    opened_at=MOMENTS,
    is_owned=st.booleans(),
    quantity=MONEY,
    cost=MONEY,
    entry_quantity=MONEY,
    entry_quote=MONEY,
    entry_fee=MONEY,
    stop_loss_price=MONEY,
    take_profit_price=MONEY,
    trailing_stop_price=st.none() | MONEY,
    extreme_price=MONEY,
    funding=MONEY,
    trailing_since=st.none() | MOMENTS,
)
MEMORIES = st.fixed_dictionaries(
    {
        "starting_balance": MONEY,
        "balance": MONEY,
        "last_open_at": st.none() | MOMENTS,
        "last_close_at": st.none() | MOMENTS,
        "last_close": st.none() | MONEY,
        "gaps": st.integers(0, 9),
        "position": st.none() | POSITIONS,
        "dust": MONEY,
        "dust_cost": MONEY,
        "fees_elsewhere": MONEY,
        "day": st.none() | st.dates(date(2017, 1, 1)),
        "day_base_equity": st.none() | MONEY,
        "daily_pnl": MONEY,
        "trades_today": st.integers(0, 99),
        "day_latch": st.sampled_from([None, ExitReason.DAILY_LOSS, ExitReason.DAILY_TARGET]),
        "pending_exit": st.none() | st.builds(PendingExit, st.sampled_from(ExitReason), MOMENTS, MONEY),
        "pending_entry": st.none() | st.builds(PendingEntry, st.sampled_from(PositionSide), MOMENTS, MONEY),
    }
)


def text_of(memory: BotMemory) -> str:
    return json.dumps(memory.to_json(), sort_keys=True)


@given(changes=MEMORIES, closes=st.lists(st.integers(1, 10**7), max_size=40), name=st.sampled_from(["simple", "ema"]))
@settings(max_examples=150, deadline=None)
def test_every_memory_comes_back_from_json_as_it_was(changes: dict[str, Any], closes: list[int], name: str) -> None:
    desk = Desk.of(strategy=name)
    candles = [candle(i, Decimal(close) / 100) for i, close in enumerate(closes)]
    memory = replace(warm_up(desk.memory, desk.parameters, candles), **changes)
    again = BotMemory.from_json(json.loads(text_of(memory)))
    assert again == memory
    assert text_of(again) == text_of(memory)


def test_the_round_trip_covers_every_field() -> None:
    drawn = {"strategy", "indicators"} | set(MEMORIES.wrapped_strategy.mapping)  # type: ignore[attr-defined]  # hypothesis types it as a plain strategy
    assert {field.name for field in fields(BotMemory)} == drawn


def test_decimals_have_one_text_whatever_their_history() -> None:
    memory = Desk.of().memory
    padded = replace(memory, balance=Decimal("10000.000"), dust=Decimal("0E-8"))
    assert text_of(padded) == text_of(memory)


@pytest.mark.rule("chunked = unchunked")
def test_floats_are_hex_and_money_is_text() -> None:
    desk = held(Desk.of())
    desk.tick(1, candle(0, "20000.10"))
    data = desk.memory.to_json()
    assert data["version"] == 1
    assert data["indicators"]["rsi"]["previous"] == float("20000.10").hex()
    assert data["position"]["stop_loss_price"] == "19600"
    assert data["last_close_at"] == "2023-03-13T10:01:00+00:00"
    numbers = [value for value in _leaves(data) if isinstance(value, float)]
    assert numbers == []


def _leaves(data: Any) -> list[Any]:
    if isinstance(data, dict):
        return [leaf for value in data.values() for leaf in _leaves(value)]
    return [data]


@pytest.mark.parametrize("version", [None, 0, 2, "1"])
def test_a_memory_of_another_version_is_refused(version: object) -> None:
    data = Desk.of().memory.to_json() | {"version": version}
    with pytest.raises(ConfigurationError, match="version"):
        BotMemory.from_json(data)


@pytest.mark.parametrize("balance", ["-1", "NaN", "Infinity"])
def test_a_bot_cannot_start_with_less_than_nothing(balance: str) -> None:
    with pytest.raises(InvalidInputError, match="cannot start"):
        start_memory(Desk.of().parameters, Decimal(balance))


def test_a_restart_keeps_money_position_and_the_days_counters_and_warms_up_afresh() -> None:
    desk = held(Desk.of(max_daily_trades=3))
    desk.fills = False
    desk.tick(1, candle(0, 19_000), price=19_000)
    before = desk.memory
    assert before.pending_exit is not None
    after = restart_memory(before, desk.parameters)
    kept = ("balance", "starting_balance", "position", "day", "day_base_equity", "daily_pnl", "trades_today", "dust")
    assert all(getattr(after, name) == getattr(before, name) for name in kept)
    assert after.trades_today == 1
    assert after.indicators == start_memory(desk.parameters, Decimal(1)).indicators
    assert (after.last_open_at, after.last_close, after.pending_exit, after.pending_entry) == (None, None, None, None)


def test_a_position_cannot_be_taken_to_another_market() -> None:
    desk = held(Desk.of())
    with pytest.raises(ConflictError, match="former market"):
        restart_memory(desk.memory, Desk.of(position_type="futures").parameters)
