"""The backtest: the bot's decisions over an array of candles, with the fills that the rules simulate.

This is the reference. A compiled engine has to give the same bytes, so everything that could round is written down:

- Units (`Units.of`). Price: 10**-P quote, P = the finer of the candles' decimals and the tick's. Quantity: 10**-8 base.
  Money: 10**-M quote, M = max(8, P + the step's decimals), at most 12. All amounts are whole numbers of their unit, so
  sums and lot x price are exact; `equity` and every column fit 64 bits or the run is refused, products take 128.
- Indicators are IEEE doubles without fused operations. A close is the correctly rounded quotient close / 10**P.
  EMA: seed (x1 + ... + xn, left to right) / n; then (x - e) * k + e with k = 2 / (n + 1).
  RSI: change = x - before; rise = change if > 0 else 0, fall = -change if not > 0; the first n are summed in order and
  divided by n, then g = (g * (n - 1) + rise) / n, l alike; 50 where g + l == 0, else 100 * (g / (g + l)).
  A value that does not exist yet is NaN, so that no cross sees it.
- Levels, in ticks of a price of `t` units a tick, towards the entry (`levels`): ceil(x * (1e6 - p) / (1e6 * t)) below
  it and floor(x * (1e6 + p) / (1e6 * t)) above. A buy at market fills at ceil(x * (1e6 + s) / (1e6 * t)), a sale at
  floor(x * (1e6 - s) / (1e6 * t)). Liquidation: the exact quotient with W unrounded, towards the entry.
- Size: min(wanted, 0.99 * free [* 1e6 / (1e6 + leverage * taker)]) * leverage / close, floored to the step, never above
  max_qty; nothing is rounded in between. free = starting balance + what the bot did to the quote account.
- Fees: ceil(value * rate) at 1e-8. A spot entry's is ceil(quantity * taker) at 1e-8 base, worth ceil(that * price) at
  1e-8 quote. Funding: floor(-side * quantity * price * rate) at 1e-8. Margin lost: ceil(cost / leverage) at 1e-8.
- Limits: (equity - base) * 1e6 <= -base * loss, >= base * target.
- Times are milliseconds since 1970. What happens at an open carries the open time, in a range the close time less 1.

All quotients are of integers; floor and ceil are towards minus and plus infinity.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tradebot.engine.backtest_output import BacktestDay, BacktestOutput, BacktestTrade, DayColumns, TradeColumns
from tradebot.engine.backtest_run import Run
from tradebot.engine.backtest_setup import BacktestSetup, FundingRate, MarginBracket, Units
from tradebot.engine.backtest_state import BacktestState, Tally
from tradebot.engine.candles import from_ms
from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT
from tradebot.strategy.registry import get_strategy

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence

    from tradebot.engine.candles import CandleArray
    from tradebot.engine.memory import BotMemory

__all__ = [
    "BacktestDay",
    "BacktestOutput",
    "BacktestSetup",
    "BacktestState",
    "BacktestTrade",
    "DayColumns",
    "FundingRate",
    "MarginBracket",
    "Tally",
    "TradeColumns",
    "Units",
    "simulate",
]


#: Closes whose signals are worked out in one go: it bounds the memory, nothing else.
_BLOCK: Final = 8192


def simulate(
    setup: BacktestSetup, candles: CandleArray, state: BacktestState | None = None
) -> tuple[BacktestState, BacktestOutput]:
    """Run the candles, the next ones after `state`, and return the state after them and what they brought.

    The given state is not changed. Raise InvalidInputError for candles of another timeframe or a finer precision than
    the setup's, for candles out of order, and for amounts beyond 64 bits.
    """
    return _simulate(setup, candles, state or BacktestState.start(setup), is_heard=True)


def simulate_stops(
    setup: BacktestSetup, candles: CandleArray, state: BacktestState
) -> tuple[BacktestState, BacktestOutput]:
    """Run the candles as `simulate` does for a bot whose strategy is not heard: only its position is looked after."""
    return _simulate(setup, candles, state, is_heard=False)


def _simulate(
    setup: BacktestSetup, candles: CandleArray, state: BacktestState, *, is_heard: bool
) -> tuple[BacktestState, BacktestOutput]:
    if candles.timeframe is not setup.parameters.timeframe:
        raise InvalidInputError(f"the candles are of {candles.timeframe}, the bot's of {setup.parameters.timeframe}")
    output = BacktestOutput(setup.units)
    candles = candles.with_price_decimals(output.units.price_decimals)
    output.warm_up = min(state.warm_up_left, len(candles))
    memory = state.memory
    for begin in range(0, output.warm_up, _BLOCK):
        memory = _warmed_up(setup, candles[begin : min(begin + _BLOCK, output.warm_up)], memory, output.units)
    tally = replace(state.tally)
    if len(candles) > output.warm_up:
        try:
            memory = _traded(setup, candles, memory, tally, output, is_heard=is_heard)
        except OverflowError:
            raise InvalidInputError(
                f"amounts grow beyond what 64 bits hold in units of 10^-{output.units.money_decimals}",
                field="initial_capital",
            ) from None
    return BacktestState(memory, state.warm_up_left - output.warm_up, tally), output


def _signals(
    setup: BacktestSetup, closes: array[int], memory: BotMemory, units: Units
) -> tuple[BotMemory, Sequence[int]]:
    """Carry the indicators over closes and return the signals of each."""
    strategy, scale = get_strategy(setup.parameters.strategy), 10**units.price_decimals
    # The quotient of two integers is correctly rounded.
    floats = [close / scale for close in closes]
    indicators, codes = strategy.run(memory.indicators, setup.parameters.indicators, floats)
    return replace(memory, indicators=indicators), codes


def _warmed_up(setup: BacktestSetup, candles: CandleArray, memory: BotMemory, units: Units) -> BotMemory:
    memory, _ = _signals(setup, candles.close, memory, units)
    return replace(
        memory,
        last_open_at=from_ms(candles.open_time_ms[-1]),
        last_close_at=from_ms(candles.close_time_ms(len(candles) - 1)),
        last_close=units.price(candles.close[-1]),
    )


def _traded(
    setup: BacktestSetup,
    candles: CandleArray,
    memory: BotMemory,
    tally: Tally,
    output: BacktestOutput,
    *,
    is_heard: bool,
) -> BotMemory:
    units = output.units
    if tally.first_open is None:
        tally.first_open = units.price(candles.open[output.warm_up])
    run = Run(setup, memory, tally, output)
    # Short signals are not heard on spot.
    heard = LONG_ENTRY | LONG_EXIT | (SHORT_ENTRY | SHORT_EXIT if setup.parameters.is_futures else 0)
    heard = heard if is_heard else 0
    for begin in range(output.warm_up, len(candles), _BLOCK):
        block = candles[begin : begin + _BLOCK]
        run.memory, codes = _signals(setup, block.close, run.memory, units)
        columns = (block.open_time_ms, block.close_times_ms(), block.open, block.high, block.low, block.close, codes)
        for open_ms, close_ms, first, high, low, close, code in zip(*columns, strict=True):
            run.candle(open_ms, close_ms, first, high, low, close, code & heard)
    return run.settle()
