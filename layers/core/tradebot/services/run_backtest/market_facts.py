"""What the exchange says of a market before a backtest is accepted: filters, and where its candles begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tradebot.errors import InvalidInputError, OrderRejectedError
from tradebot.services.backtest_document import rules_to_json
from tradebot.services.run_backtest.step_input import StepInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.services.run_backtest.market_line import MarketLine


#: Prices of backtests are those of the exchange that trades real money.
ENVIRONMENT: Final = "live"


@dataclass(frozen=True, slots=True)
class ReadMarketFacts:
    """Answers the API, which cannot speak to an exchange itself."""

    market: Callable[[str, str], MarketLine]

    def __call__(self, event: object) -> dict[str, Any]:
        """Take `{market, symbol, timeframe}`, return `{rules, first_at, newest_at}`.

        `newest_at` is when the candle opened that has not closed yet: what opens before it can be tested.
        """
        step = StepInput("facts", event)
        market, symbol, timeframe = step.text("market"), step.text("symbol"), step.text("timeframe")
        line = self.market(ENVIRONMENT, market)
        try:
            rules = line.symbol_rules(symbol)
            first_at = line.first_candle_at(symbol, timeframe)
            newest_at = line.newest_candle_at(symbol, timeframe)
        except OrderRejectedError:
            first_at = newest_at = None
        finally:
            line.settle()
        if first_at is None or newest_at is None:
            raise InvalidInputError(
                f"Binance trades no {symbol} on its {market} market.", field="symbol", rule="known_symbol"
            )
        return {
            "rules": rules_to_json(rules),
            "first_at": first_at.isoformat(),
            "newest_at": newest_at.isoformat(),
        }
