"""A backtest's setup as the integers that the kernel reads."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest_setup import ASSUMED_RATE, FEE_DECIMALS
from tradebot.engine.candles import decimals_of, scaled
from tradebot.engine.kernel.blocks import NONE, Indicators, SetupBlock
from tradebot.engine.parameters import DEFAULT_SIZE
from tradebot.strategy.custom import CustomStrategy
from tradebot.strategy.ema import EmaStrategy
from tradebot.strategy.registry import get_strategy
from tradebot.strategy.simple import SimpleStrategy

if TYPE_CHECKING:
    import ctypes
    from decimal import Decimal

    from tradebot.engine.backtest_setup import BacktestSetup, FundingRate, Units

#: The strategies that signals.h knows. Another one, a derived one too, is served by the plain engine.
STRATEGIES: Final[dict[type, int]] = {SimpleStrategy: 0, EmaStrategy: 1, CustomStrategy: 1}
_INT64: Final = 1 << 63


class UnfitError(Exception):
    """The kernel cannot take this; the plain engine can, or says why nobody can."""


def fill(block: ctypes.Structure, values: dict[str, int]) -> None:
    """Write integers into a block, every one of which has to fit."""
    for name, value in values.items():
        if not -_INT64 <= value < _INT64:
            raise UnfitError(name)
        setattr(block, name, value)


def _money(units: Units, amount: Decimal | None) -> int:
    return NONE if amount is None else units.money_units(amount)


def _setting(value: int | None) -> int:
    return NONE if value is None else value


class FundingColumns(NamedTuple):
    """A history as columns; rates and marks in units of their own finest decimals."""

    at_ms: array[int]
    rate: array[int]
    mark: array[int]
    rate_decimals: int
    mark_decimals: int

    @property
    def columns(self) -> tuple[array[int], array[int], array[int]]:
        """What the kernel reads."""
        return self.at_ms, self.rate, self.mark

    @staticmethod
    def of(history: tuple[FundingRate, ...]) -> FundingColumns:
        """Return the columns; the stamps are those of `FundingTimes`."""
        rate_decimals = max(decimals_of(rate) for rate in (ASSUMED_RATE, *(one.rate for one in history)))
        mark_decimals = max((decimals_of(one.mark) for one in history if one.mark is not None), default=0)
        try:
            return FundingColumns(
                array("q", [one.at_ms // 1000 * 1000 for one in history]),
                array("q", [scaled(one.rate, rate_decimals) for one in history]),
                array("q", [NONE if one.mark is None else scaled(one.mark, mark_decimals) for one in history]),
                rate_decimals,
                mark_decimals,
            )
        except OverflowError:
            raise UnfitError("funding") from None


def setup_block(setup: BacktestSetup, price_decimals: int, funding: FundingColumns) -> SetupBlock:
    """Return the block for candles of that precision.

    Raise UnfitError, or InvalidInputError where an amount is finer than its unit.
    """
    parameters, rules, units, bracket = setup.parameters, setup.rules, setup.units, setup.bracket
    if parameters.timeframe is Timeframe.MONTH or price_decimals > units.price_decimals:
        raise UnfitError("timeframe")
    size = parameters.position_size_fixed
    if size is None and parameters.position_size_ppm is None:
        size = DEFAULT_SIZE
    values = {
        "timeframe_ms": parameters.timeframe.seconds * 1000,
        "is_futures": int(parameters.is_futures),
        "leverage": parameters.leverage,
        "stop_loss_ppm": parameters.stop_loss_ppm,
        "take_profit_ppm": parameters.take_profit_ppm,
        "trailing_stop_ppm": _setting(parameters.trailing_stop_ppm),
        "size_fixed": _money(units, size),
        # A fixed size goes before a part of the balance.
        "size_ppm": _setting(None if size is not None else parameters.position_size_ppm),
        "max_daily_loss_ppm": _setting(parameters.max_daily_loss_ppm),
        "daily_target_ppm": _setting(parameters.daily_target_ppm),
        "max_daily_trades": _setting(parameters.max_daily_trades),
        "maker_ppm": parameters.fees.maker_ppm,
        "taker_ppm": parameters.fees.taker_ppm,
        "slippage_ppm": parameters.fees.slippage_ppm,
        "maintenance_ppm": bracket.maintenance_ppm,
        "maintenance_amount": units.money_units(bracket.maintenance_amount),
        "notional_cap": _money(units, bracket.notional_cap),
        "tick": units.tick,
        "step": units.step,
        "min_qty": units.quantity_units(rules.min_qty),
        "max_qty": units.quantity_units(rules.max_qty),
        "min_notional": units.money_units(rules.min_notional),
        "price_scale": 10**units.price_decimals,
        "grain": 10 ** (units.price_decimals + units.quantity_decimals - units.money_decimals),
        "fee_unit": 10 ** (units.money_decimals - FEE_DECIMALS),
        "candle_factor": 10 ** (units.price_decimals - price_decimals),
        "candle_scale": 10**price_decimals,
        "funding_count": len(funding.at_ms),
        "assumed_rate": scaled(ASSUMED_RATE, funding.rate_decimals),
        "mark_divisor": 10 ** (funding.mark_decimals + funding.rate_decimals),
        "open_divisor": 10 ** (units.price_decimals + funding.rate_decimals),
    }
    # A quantity that is no whole number of steps could not be counted in money units.
    if values["max_qty"] % units.step or values["step"] % values["grain"]:
        raise UnfitError("max_qty")
    if bracket.notional_cap is not None and bracket.notional_cap < 0:
        raise UnfitError("notional_cap")
    block = SetupBlock()
    fill(block, values)
    return block


def strategy_settings(setup: BacktestSetup, indicators: Indicators) -> None:
    """Write which strategy decides, and its thresholds."""
    number = STRATEGIES.get(type(get_strategy(setup.parameters.strategy)))
    if number is None:
        raise UnfitError("strategy")
    indicators.strategy = number
    indicators.oversold = setup.parameters.indicators.rsi_oversold
    indicators.overbought = setup.parameters.indicators.rsi_overbought
