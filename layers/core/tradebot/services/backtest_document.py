"""What a backtest was asked to do, as its row keeps it: enough to run it again in years, to the same bytes.

`parameters` of a row: `config` (the bot's columns), `fees` and `bracket` in parts per million, `rules` (the symbol's
filters when it was asked for). Amounts are plain digits in strings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from tradebot.domain.money import canonical
from tradebot.domain.symbol import SymbolRules
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest_setup import BacktestSetup, MarginBracket
from tradebot.engine.candles import to_ms
from tradebot.engine.parameters import FeeRates, resolve_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tradebot.engine.backtest_setup import FundingRate
    from tradebot.engine.parameters import Parameters
    from tradebot.repositories.pages import Record

#: What a bot's configuration has and a simulation has no use for; resolving parameters asks for nothing of it.
_NOT_SIMULATED: Final = {"id", "name", "is_active", "api_key_id", "created_at", "updated_at", "user_id"}
_TEXTS: Final = {"symbol", "base_asset", "quote_asset"}
#: Longer than a month of the calendar, which is a candle, too.
_LONGEST_MONTH: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Span:
    """[start, end) of what may trade, and where the candles that warm up begin."""

    warm_up_at: datetime
    start_at: datetime
    end_at: datetime

    @property
    def bounds_ms(self) -> tuple[int, int, int]:
        """Return the three in milliseconds since 1970."""
        return to_ms(self.warm_up_at), to_ms(self.start_at), to_ms(self.end_at)


def document_of(
    config: Mapping[str, Any], fees: FeeRates, rules: SymbolRules, bracket: MarginBracket
) -> dict[str, Any]:
    """Return the JSON object of a row's `parameters`."""
    return {
        "config": {name: _plain(value) for name, value in config.items() if name not in _NOT_SIMULATED},
        "fees": {one.name: getattr(fees, one.name) for one in fields(FeeRates)},
        "rules": rules_to_json(rules),
        "bracket": {one.name: _plain(getattr(bracket, one.name)) for one in fields(MarginBracket)},
    }


def parameters_of(document: Mapping[str, Any]) -> Parameters:
    """Return the bot's parameters of a row's `parameters`."""
    return resolve_parameters(SimpleNamespace(**document["config"]), FeeRates(**document["fees"]))


def setup_of(
    document: Mapping[str, Any], *, price_decimals: int, warm_up: int, funding: tuple[FundingRate, ...] = ()
) -> BacktestSetup:
    """Return what the engine takes."""
    bracket = document["bracket"]
    return BacktestSetup(
        parameters=parameters_of(document),
        rules=rules_from_json(document["rules"]),
        initial_capital=Decimal(document["config"]["initial_capital"]),
        price_decimals=price_decimals,
        bracket=MarginBracket(
            maintenance_ppm=bracket["maintenance_ppm"],
            maintenance_amount=Decimal(bracket["maintenance_amount"]),
            notional_cap=None if bracket["notional_cap"] is None else Decimal(bracket["notional_cap"]),
        ),
        funding=funding,
        warm_up=warm_up,
    )


def span_of(row: Record) -> Span:
    """Return what a row's backtest covers."""
    parameters = parameters_of(row.parameters)
    start_at, end_at = datetime.fromisoformat(row.start_date), datetime.fromisoformat(row.end_date)
    return Span(warm_up_start(parameters, start_at), start_at, end_at)


def warm_up_start(parameters: Parameters, start_at: datetime) -> datetime:
    """Return the open of the first candle that warms up for a start; without gaps that is as many as are needed."""
    timeframe, count = parameters.timeframe, parameters.warm_up_candles
    if timeframe is Timeframe.MONTH:
        return timeframe.floor(start_at - count * _LONGEST_MONTH)
    first_at = timeframe.floor(start_at)
    # The first that may trade opens at the start or after it.
    return first_at + timedelta(seconds=timeframe.seconds * (int(first_at < start_at) - count))


def rules_to_json(rules: SymbolRules) -> dict[str, str]:
    """Return a symbol's filters as texts."""
    return {one.name: str(_plain(getattr(rules, one.name))) for one in fields(SymbolRules)}


def rules_from_json(data: Mapping[str, str]) -> SymbolRules:
    """Return what `rules_to_json` wrote."""
    return SymbolRules(**{name: value if name in _TEXTS else Decimal(value) for name, value in data.items()})  # type: ignore[arg-type]  # by name


def _plain(value: Any) -> Any:
    return canonical(value) if isinstance(value, Decimal) else value
