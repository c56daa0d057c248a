"""A bot on paper: the backtest's own candle step, fed with public candles as they close.

Between two candles the open of the forming one is known: what fills there is shown at once (`look_ahead_to_open`), and
is done again, with the same result, when the candle has closed. So nothing but closed candles moves the state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.candle import Candle
from tradebot.domain.money import canonical
from tradebot.domain.order import ExitReason
from tradebot.engine.backtest import BacktestTrade, simulate, simulate_stops
from tradebot.engine.backtest_setup import BacktestSetup
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.candles import CandleArray, decimals_of, from_ms, to_ms
from tradebot.engine.tick import drop_entry, request_exit, restart_memory
from tradebot.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.backtest_output import BacktestOutput
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.parameters import Parameters

PAPER_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class FormingCandle:
    """What was shown of a candle before it closed: its open, and how many trades happened there."""

    open_time: datetime
    open: Decimal
    trades: int

    @property
    def candle(self) -> Candle:
        """All that is known of it: a candle without a range."""
        return Candle(self.open_time, self.open, self.open, self.open, self.open, Decimal(0))


@dataclass(frozen=True, slots=True)
class PaperBook:
    """All that a bot on paper remembers between ticks."""

    state: BacktestState
    #: How many trades it has made so far: the last one's number.
    trade_count: int = 0
    forming: FormingCandle | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        forming = self.forming
        return {
            "paper": PAPER_VERSION,
            "state": self.state.to_json(),
            "trade_count": self.trade_count,
            "forming": None
            if forming is None
            else {"open_ms": to_ms(forming.open_time), "open": canonical(forming.open), "trades": forming.trades},
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> PaperBook:
        """Return the book that `to_json` wrote."""
        one = data["forming"]
        forming = None if one is None else FormingCandle(from_ms(one["open_ms"]), Decimal(one["open"]), one["trades"])
        return PaperBook(BacktestState.from_json(data["state"]), data["trade_count"], forming)


def is_paper(stored: dict[str, Any]) -> bool:
    """Tell a paper book from the memory of a bot that trades at an exchange."""
    return "paper" in stored


def open_book(
    parameters: Parameters, rules: SymbolRules, warm_up: Sequence[Candle], *, trade_count: int = 0
) -> PaperBook:
    """Return the book of a bot that starts flat after the warm-up candles."""
    if parameters.initial_capital is None:
        raise InvalidInputError("A bot on paper needs an initial capital.", field="initial_capital", rule="required")
    setup, candles = _setup(parameters, rules, warm_up)
    state, _ = simulate(setup, candles, BacktestState.start(setup))
    return PaperBook(_warmed_up(state), trade_count)


def _warmed_up(state: BacktestState) -> BacktestState:
    """End the warm-up, even where the market has fewer candles than it asks for."""
    return replace(state, warm_up_left=0)


def reopen_book(
    book: PaperBook, parameters: Parameters, rules: SymbolRules, missed: Sequence[Candle], warm_up: Sequence[Candle]
) -> tuple[PaperBook, list[BacktestTrade]]:
    """Return the book of a bot that was stopped and starts again, and what its stops did meanwhile.

    Money, position and the day's counters stay; the indicators warm up afresh. A position was protected all the time.
    """
    restarted = restart_memory(book.state.memory, parameters)
    if book.forming is not None and not missed:
        # The candle that was shown still forms. It is taken once, when it has closed: then what was shown happens.
        last = book.state.memory
        waiting = replace(restarted, pending_entry=last.pending_entry, pending_exit=last.pending_exit)
        return _warmed_up_afresh(book, parameters, rules, waiting, warm_up), []
    fed, trades = _through_the_pause(book, parameters, rules, restarted, _as_shown(book, missed))
    restarted = restart_memory(fed.state.memory, parameters)
    return _warmed_up_afresh(replace(fed, forming=None), parameters, rules, restarted, warm_up), trades


def _through_the_pause(
    book: PaperBook, parameters: Parameters, rules: SymbolRules, restarted: BotMemory, missed: Sequence[Candle]
) -> tuple[PaperBook, list[BacktestTrade]]:
    """Let the candles of the pause act on the position alone."""
    last = book.state.memory
    if not missed or (last.position is None and book.forming is None):
        return book, []
    memory = replace(
        restarted,
        last_open_at=last.last_open_at,
        last_close_at=last.last_close_at,
        last_close=last.last_close,
        # What fills at the open of the candle that was forming has been shown, so it happens.
        pending_entry=last.pending_entry if book.forming is not None else None,
        pending_exit=last.pending_exit if book.forming is not None else None,
    )
    setup, candles = _setup(parameters, rules, missed)
    state, output = simulate_stops(setup, candles, replace(book.state, memory=memory))
    return _after(book, state, output)


def _warmed_up_afresh(
    book: PaperBook, parameters: Parameters, rules: SymbolRules, memory: BotMemory, warm_up: Sequence[Candle]
) -> PaperBook:
    setup, candles = _setup(parameters, rules, warm_up)
    fresh = replace(book.state, memory=memory, warm_up_left=len(candles))
    state, _ = simulate(setup, candles, fresh)
    return replace(book, state=_warmed_up(state))


def feed(
    book: PaperBook, parameters: Parameters, rules: SymbolRules, candles: Sequence[Candle]
) -> tuple[PaperBook, list[BacktestTrade], BacktestOutput]:
    """Take closed candles; return the book after them and the trades that were not shown before."""
    setup, columns = _setup(parameters, rules, _as_shown(book, candles))
    state, output = simulate(setup, columns, book.state)
    after, trades = _after(book, state, output)
    return after, trades, output


def look_ahead_to_open(
    book: PaperBook, parameters: Parameters, rules: SymbolRules, open_time: datetime, price: Decimal
) -> tuple[PaperBook, list[BacktestTrade], BotMemory]:
    """Show what fills at the open of the candle that is forming: new trades, and the memory as it is from then on.

    What has been shown of it before stands, whatever its open is said to be now.
    """
    seen = book.forming or FormingCandle(open_time, price, trades=0)
    setup, columns = _setup(parameters, rules, [seen.candle])
    state, output = simulate(setup, columns, book.state)
    if book.forming is not None:
        return book, [], state.memory
    trades = list(output.trades)
    seen = replace(seen, trades=len(trades))
    return replace(book, trade_count=book.trade_count + len(trades), forming=seen), trades, state.memory


def close_book(
    book: PaperBook, parameters: Parameters, rules: SymbolRules, price: Decimal, at: datetime
) -> tuple[PaperBook, list[BacktestTrade]]:
    """Leave the position at the price now, at `at`; what was shown of a candle that is forming has happened.

    The book is for a bot that rests from then on: its next start warms the indicators up afresh.
    """
    state = book.state
    if book.forming is not None:
        setup, columns = _setup(parameters, rules, [book.forming.candle])
        state, _ = simulate(setup, columns, state)
    memory = request_exit(drop_entry(state.memory), ExitReason.MANUAL, at, price)
    if memory.position is None or memory.last_open_at is None:
        return replace(book, state=replace(state, memory=memory), forming=None), []
    # One more candle, of which nothing is known but its open: the exit's price.
    following = FormingCandle(parameters.timeframe.close_of(memory.last_open_at), price, trades=0)
    setup, columns = _setup(parameters, rules, [following.candle])
    state, output = simulate(setup, columns, replace(state, memory=memory))
    trades = [replace(trade, at_ms=to_ms(at)) for trade in output.trades]
    return PaperBook(state, book.trade_count + len(trades)), trades


def _after(book: PaperBook, state: BacktestState, output: BacktestOutput) -> tuple[PaperBook, list[BacktestTrade]]:
    """Return the book after candles, the first of which is the one that was forming, if one was."""
    shown = 0 if book.forming is None else book.forming.trades
    trades = list(output.trades)[shown:]
    return PaperBook(state, book.trade_count + len(trades)), trades


def _as_shown(book: PaperBook, candles: Sequence[Candle]) -> Sequence[Candle]:
    """Give the candle that was forming the open that was acted on, should the exchange tell another one since."""
    forming = book.forming
    if forming is None:
        return candles
    if not candles or candles[0].open_time != forming.open_time:
        # It has not closed, or never came: what was acted on is all that is known of it.
        return [forming.candle, *candles]
    one, first = candles[0], forming.open
    mended = Candle(one.open_time, first, max(one.high, first), min(one.low, first), one.close, one.volume)
    return [mended, *candles[1:]]


def _setup(parameters: Parameters, rules: SymbolRules, candles: Sequence[Candle]) -> tuple[BacktestSetup, CandleArray]:
    columns = CandleArray.from_candles(candles, parameters.timeframe)
    assert parameters.initial_capital is not None
    setup = BacktestSetup(
        parameters,
        rules,
        parameters.initial_capital,
        max(columns.price_decimals, decimals_of(rules.tick_size)),
        warm_up=len(columns),
    )
    return setup, columns
