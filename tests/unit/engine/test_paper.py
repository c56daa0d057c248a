"""Rule 36: a book on paper, fed at any ticks and stored between them, makes the backtest's trades."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.desk import LEAVE_LONG, LONG, RULES, candle, minute, parameters
from tests.unit.engine.test_backtest_invariants import FAST, walk
from tradebot.engine.backtest import BacktestSetup, BacktestTrade, simulate
from tradebot.engine.candles import to_ms
from tradebot.engine.paper import PaperBook, feed, is_paper, look_ahead_to_open, open_book, reopen_book
from tradebot.engine.tick import start_memory
from tradebot.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tradebot.domain.candle import Candle
    from tradebot.engine.parameters import Parameters
    from tradebot.strategy.interface import Signals

    Script = dict[int, Signals]

WARM_UP = 12


def stored(book: PaperBook) -> PaperBook:
    """Return the book as the next tick reads it."""
    return PaperBook.from_json(json.loads(json.dumps(book.to_json())))


def on_paper(chosen: Parameters, candles: list[Candle], ticks: Iterable[int]) -> tuple[PaperBook, list[BacktestTrade]]:
    """Tick at the opens of the named candles: what has closed is fed, and what fills at the open is shown."""
    book, made, fed = open_book(chosen, RULES, candles[:WARM_UP]), list[BacktestTrade](), WARM_UP
    for tick in ticks:
        if tick > fed:
            book, trades, _ = feed(stored(book), chosen, RULES, candles[fed:tick])
            made, fed = made + trades, tick
        one = candles[tick]
        book, trades, _ = look_ahead_to_open(stored(book), chosen, RULES, one.open_time, one.open)
        made += trades
    assert book.trade_count == len(made)
    return book, made


@pytest.mark.rule(36)
@given(
    choice=st.fixed_dictionaries(
        {
            "strategy": st.sampled_from(["simple", "ema", "custom"]),
            "position_type": st.sampled_from(["spot", "futures"]),
            "trailing_stop_active": st.booleans(),
            "timeframe": st.sampled_from(["1m", "4h"]),
        }
    ),
    seed=st.integers(0, 10_000),
    missed=st.sets(st.integers(WARM_UP, 118), max_size=60),
)
@settings(max_examples=40, deadline=None)
def test_a_book_fed_at_any_ticks_makes_the_backtests_trades_and_state(
    choice: dict[str, Any], seed: int, missed: set[int]
) -> None:
    chosen = parameters(**{**FAST, **choice})
    columns = walk(seed, 120, choice["timeframe"])
    candles = list(columns)
    book, made = on_paper(chosen, candles, (tick for tick in range(WARM_UP, 120) if tick not in missed))
    setup = BacktestSetup(chosen, RULES, Decimal(10_000), 2, warm_up=WARM_UP)
    state, output = simulate(setup, columns[:119])
    assert made[: len(output.trades)] == list(output.trades)
    assert book.state.to_bytes() == state.to_bytes()
    # The open of the last candle has been shown before it closes.
    shown = book.forming.trades if book.forming is not None else 0
    assert len(made) == len(output.trades) + shown


def test_what_was_shown_stands_when_the_exchange_tells_another_open_afterwards(script: Script) -> None:
    script[1] = LONG
    chosen = parameters()
    book = open_book(chosen, RULES, [candle(0, 20_000)])
    book, _, _ = feed(book, chosen, RULES, [candle(1, 20_000)])
    book, (entry,), memory = look_ahead_to_open(book, chosen, RULES, minute(2), Decimal(20_000))
    assert memory.position is not None
    assert look_ahead_to_open(book, chosen, RULES, minute(2), Decimal(20_100))[1] == [], "it is shown once"
    book, trades, _ = feed(book, chosen, RULES, [candle(2, 20_100, first=20_090)])
    assert trades == []
    position = book.state.memory.position
    assert position is not None
    assert position.entry_price == entry.price == Decimal(20_004)


def test_a_book_that_is_opened_again_keeps_money_position_and_counters_and_warms_up_afresh(script: Script) -> None:
    script[1] = LONG
    chosen = parameters()
    book = open_book(chosen, RULES, [candle(0, 20_000)])
    book, _, _ = feed(book, chosen, RULES, [candle(1, 20_000), candle(2, 20_000)])
    missed = [candle(number, 20_000) for number in range(3, 9)]
    again, trades = reopen_book(book, chosen, RULES, missed, missed[-4:])
    before, after = book.state.memory, again.state.memory
    assert trades == []
    assert (after.position, after.balance, after.trades_today) == (before.position, before.balance, 1)
    assert after.indicators.to_json() == {"seen": 4}


def test_an_entry_that_was_shown_survives_a_restart_within_its_candle(script: Script) -> None:
    script[1] = LONG
    chosen = parameters()
    book = open_book(chosen, RULES, [candle(0, 20_000)])
    book, _, _ = feed(book, chosen, RULES, [candle(1, 20_000)])
    book, shown, _ = look_ahead_to_open(book, chosen, RULES, minute(2), Decimal(20_000))
    again, trades = reopen_book(book, chosen, RULES, [], [candle(0, 20_000), candle(1, 20_000)])
    assert (len(shown), trades, again.trade_count) == (1, [], 1)
    _, more, memory = look_ahead_to_open(again, chosen, RULES, minute(2), Decimal(20_000))
    assert more == []
    assert memory.position is not None


#: 16:00 UTC, when funding is settled.
STAMP = 360


def test_a_restart_inside_a_candle_that_opens_on_a_funding_stamp_pays_it_once(script: Script) -> None:
    script[1] = LONG
    chosen = parameters(position_type="futures")
    before = [candle(number, 20_000) for number in range(STAMP - 3, STAMP)]
    book = open_book(chosen, RULES, before[:1])
    book, _, _ = feed(book, chosen, RULES, before[1:])
    book, _, seen = look_ahead_to_open(book, chosen, RULES, minute(STAMP), Decimal(20_000))
    assert seen.position is not None
    assert seen.position.funding < 0, "it was shown as paid at the open"
    again, trades = reopen_book(stored(book), chosen, RULES, [], before)
    closed, later, _ = feed(again, chosen, RULES, [candle(STAMP, 20_000)])
    undisturbed, _, _ = feed(book, chosen, RULES, [candle(STAMP, 20_000)])
    assert [*trades, *later] == []
    assert closed.state.memory.position == undisturbed.state.memory.position
    assert closed.state.memory.balance == undisturbed.state.memory.balance
    assert closed.state.tally == undisturbed.state.tally


def test_an_entry_at_a_funding_stamp_pays_nothing_though_the_bot_restarts_inside_the_candle(script: Script) -> None:
    script[2] = LONG
    chosen = parameters(position_type="futures")
    before = [candle(number, 20_000) for number in range(STAMP - 3, STAMP)]
    book = open_book(chosen, RULES, before[:1])
    book, _, _ = feed(book, chosen, RULES, before[1:])
    book, (entry,), _ = look_ahead_to_open(book, chosen, RULES, minute(STAMP), Decimal(20_000))
    again, _ = reopen_book(stored(book), chosen, RULES, [], before)
    again, none, memory = look_ahead_to_open(again, chosen, RULES, minute(STAMP), Decimal(20_000))
    assert (none, memory.position is not None) == ([], True)
    closed, trades, _ = feed(again, chosen, RULES, [candle(STAMP, 20_000)])
    assert (trades, closed.trade_count) == ([], 1)
    position = closed.state.memory.position
    assert position is not None
    assert (position.entry_price, position.funding) == (entry.price, Decimal(0))


def test_a_stop_in_the_candle_of_a_restart_is_found_when_it_closes(script: Script) -> None:
    script[1] = LONG
    chosen = parameters()
    before = [candle(number, 20_000) for number in range(3)]
    book = open_book(chosen, RULES, before[:1])
    book, _, _ = feed(book, chosen, RULES, before[1:])
    book, _, _ = look_ahead_to_open(book, chosen, RULES, minute(3), Decimal(20_000))
    again, _ = reopen_book(stored(book), chosen, RULES, [], before)
    closed, (leave,), _ = feed(again, chosen, RULES, [candle(3, 19_700, low=19_000, first=20_000)])
    assert leave.reason == "stop_loss"
    assert closed.state.memory.position is None


def test_while_a_book_is_closed_its_stop_acts_and_its_strategy_does_not(script: Script) -> None:
    script[1] = LONG
    chosen = parameters()
    book = open_book(chosen, RULES, [candle(0, 20_000)])
    book, _, _ = feed(book, chosen, RULES, [candle(1, 20_000), candle(2, 20_000)])
    script[0] = LEAVE_LONG
    missed = [candle(3, 20_000), candle(4, 20_000), candle(5, 19_000, low=18_900, first=20_000), candle(6, 19_000)]
    again, (leave,) = reopen_book(book, chosen, RULES, missed, missed)
    assert (leave.reason, leave.candle_ms) == ("stop_loss", to_ms(minute(5)))
    assert again.state.memory.position is None


def test_a_position_of_the_other_market_has_to_be_closed_first(script: Script) -> None:
    script[1] = LONG
    book = open_book(parameters(), RULES, [candle(0, 20_000)])
    book, _, _ = feed(book, parameters(), RULES, [candle(1, 20_000), candle(2, 20_000)])
    with pytest.raises(ConflictError):
        reopen_book(book, parameters(position_type="futures"), RULES, [], [candle(3, 20_000)])


def test_a_book_needs_a_capital() -> None:
    with pytest.raises(InvalidInputError) as told:
        open_book(parameters(initial_capital=None), RULES, [])
    assert told.value.field == "initial_capital"


def test_a_book_is_told_from_a_memory() -> None:
    chosen = parameters()
    assert is_paper(open_book(chosen, RULES, [candle(0, 20_000)]).to_json())
    assert not is_paper(start_memory(chosen, Decimal(1)).to_json())


def test_an_empty_market_warms_nothing_up_and_still_opens() -> None:
    book = open_book(parameters(), RULES, [])
    assert book.state.warm_up_left == 0
    later, _, output = feed(book, parameters(), RULES, [candle(0, 20_000)])
    assert len(output.equity) == 1
    assert later.state.memory.last_open_at == minute(0)
