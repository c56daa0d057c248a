"""A backtest over a handful of candles that a test writes down, with scripted signals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.unit.engine.desk import RULES, START, parameters
from tradebot.engine.backtest import (
    BacktestOutput,
    BacktestSetup,
    BacktestState,
    BacktestTrade,
    MarginBracket,
    simulate,
)
from tradebot.engine.backtest_output import SKIPS
from tradebot.engine.candles import CandleArray, to_ms
from tradebot.engine.parameters import FeeRates

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.backtest import FundingRate

#: Nothing is lost to fees or slippage, so that a test's arithmetic stays readable.
FREE = FeeRates(maker_ppm=0, taker_ppm=0, slippage_ppm=0)
FUTURES: dict[str, Any] = {"position_type": "futures", "leverage": 5, "position_size_fixed": Decimal(200)}

#: open, high, low, close in whole quote units or text; one number stands for all four.
Bar = tuple[object, object, object, object] | int | str


class Replay:
    """`run` takes bars of a minute from minute `begin` of the tests' day; further calls go on where it stopped."""

    def __init__(
        self,
        *,
        fees: FeeRates = FREE,
        rules: SymbolRules = RULES,
        capital: object = 10_000,
        bracket: MarginBracket | None = None,
        funding: tuple[FundingRate, ...] = (),
        begin: datetime = START,
        **changes: Any,
    ) -> None:
        chosen = replace(parameters(**changes), fees=fees)
        self.setup = BacktestSetup(
            chosen, rules, Decimal(str(capital)), 2, bracket=bracket or MarginBracket(), funding=funding, warm_up=0
        )
        self.next_ms = to_ms(begin)
        self.state = BacktestState.start(self.setup)
        self.output = BacktestOutput(self.setup.units)

    def run(self, *bars: Bar) -> Replay:
        candles = CandleArray(self.setup.parameters.timeframe, 2)
        for bar in bars:
            prices = bar if isinstance(bar, tuple) else (bar,) * 4
            candles.append(self.next_ms, [int(Decimal(str(price)) * 100) for price in prices], 1.0)
            self.next_ms = candles.close_time_ms(len(candles) - 1)
        self.state, output = simulate(self.setup, candles, self.state)
        self.output.extend(output)
        return self

    def skip(self, candles: int) -> Replay:
        """Let candles be missing."""
        self.next_ms += candles * self.setup.parameters.timeframe.seconds * 1000
        return self

    @property
    def trades(self) -> Sequence[BacktestTrade]:
        return self.output.trades

    @property
    def told(self) -> list[tuple[str, Decimal]]:
        """Reason and price of each trade."""
        return [(trade.reason, trade.price) for trade in self.trades]

    @property
    def equity(self) -> list[Decimal]:
        return [self.output.units.money(value) for value in self.output.equity]

    @property
    def skipped(self) -> list[str]:
        return [SKIPS[number].value for number in self.output.skipped_reason]
