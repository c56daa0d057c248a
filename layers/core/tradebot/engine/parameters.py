"""One function turns a bot's configuration into frozen, typed parameters; nobody else reads the raw columns."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tradebot.domain.market import MarketType
from tradebot.domain.money import ONE_MILLION
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.notes import ParameterWarning, WarningCode
from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import StrategyParameters
from tradebot.strategy.registry import DEFAULT_STRATEGY, get_strategy

#: Quote units of an entry where neither a fixed size nor a percentage is given.
DEFAULT_SIZE: Final = Decimal(25)
#: Warm-up in units of the slowest average and of the RSI's period: after that, the seed is below a float's last bit.
EMA_WARM_UP_FACTOR: Final = 20
RSI_WARM_UP_FACTOR: Final = 40
#: Maintenance margin of the smallest bracket, in parts per million of the notional.
DEFAULT_MAINTENANCE_PPM: Final = 4_000


@dataclass(frozen=True, slots=True)
class FeeRates:
    """Parts per million of the notional; slippage of market orders likewise."""

    maker_ppm: int
    taker_ppm: int
    slippage_ppm: int


#: Binance's base tier.
DEFAULT_FEES: Final = {
    MarketType.SPOT: FeeRates(maker_ppm=1_000, taker_ppm=1_000, slippage_ppm=200),
    MarketType.FUTURES: FeeRates(maker_ppm=200, taker_ppm=500, slippage_ppm=200),
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Everything that decides, resolved. Percentages of the columns are parts per million here (2 % = 20,000)."""

    symbol: str
    timeframe: Timeframe
    market_type: MarketType
    #: 1 on spot.
    leverage: int
    strategy: str
    indicators: StrategyParameters
    stop_loss_ppm: int
    take_profit_ppm: int
    #: None where no trailing stop is active.
    trailing_stop_ppm: int | None
    position_size_fixed: Decimal | None
    position_size_ppm: int | None
    max_daily_loss_ppm: int | None
    daily_target_ppm: int | None
    max_daily_trades: int | None
    initial_capital: Decimal | None
    check_interval_seconds: int
    fees: FeeRates
    #: Closed candles to feed before the first one that may trade.
    warm_up_candles: int
    warnings: tuple[ParameterWarning, ...]

    @property
    def is_futures(self) -> bool:
        """Whether shorts, leverage and reduce-only orders exist."""
        return self.market_type is MarketType.FUTURES


def resolve_parameters(config: Any, fees: FeeRates | None = None) -> Parameters:
    """Resolve any object with the attributes of a `BotConfig` row. Raise InvalidInputError naming the field."""
    name = config.strategy or DEFAULT_STRATEGY
    strategy = get_strategy(name)
    columns = _Columns(config, custom=strategy.reads_custom_columns)
    indicators = _indicators(columns)
    market_type = _market_type(config.position_type)
    leverage = columns.integer("leverage") if market_type is MarketType.FUTURES else 1
    fees = fees or DEFAULT_FEES[market_type]
    stop_loss = columns.ppm("stop_loss_perc", "custom_stop_loss")
    take_profit = columns.ppm("take_profit_perc", "custom_take_profit")
    trailing = columns.ppm("trailing_stop_perc", "custom_trailing_stop") if config.trailing_stop_active else None
    return Parameters(
        symbol=config.symbol,
        timeframe=_timeframe(config.timeframe),
        market_type=market_type,
        leverage=leverage,
        strategy=name,
        indicators=indicators,
        stop_loss_ppm=stop_loss,
        take_profit_ppm=take_profit,
        trailing_stop_ppm=trailing,
        position_size_fixed=columns.optional_decimal("position_size_fixed"),
        position_size_ppm=columns.optional_ppm("position_size_perc"),
        max_daily_loss_ppm=columns.optional_ppm("max_daily_loss_perc"),
        daily_target_ppm=columns.optional_ppm("daily_target_perc"),
        max_daily_trades=columns.optional_integer("max_daily_trades"),
        initial_capital=columns.optional_decimal("initial_capital"),
        check_interval_seconds=columns.optional_integer("check_interval_seconds") or 60,
        fees=fees,
        warm_up_candles=max(
            EMA_WARM_UP_FACTOR * strategy.slowest_ema(indicators), RSI_WARM_UP_FACTOR * indicators.rsi_period
        ),
        warnings=_warnings(
            stop_loss, take_profit, trailing, fees, leverage=leverage, is_futures=market_type is MarketType.FUTURES
        ),
    )


class _Columns:
    """Typed reading of a row; `custom` prefers the second name of a column unless it is null."""

    def __init__(self, config: Any, *, custom: bool) -> None:
        self._config = config
        self._custom = custom

    def _value(self, column: str, custom_column: str | None) -> tuple[str, Any]:
        if self._custom and custom_column is not None:
            value = getattr(self._config, custom_column)
            if value is not None:
                return custom_column, value
        return column, getattr(self._config, column)

    def optional_decimal(self, column: str, custom_column: str | None = None) -> Decimal | None:
        name, value = self._value(column, custom_column)
        if value is None:
            return None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or number <= 0:
            raise InvalidInputError(f"{name} is {value}; it has to be a number above zero", field=name, rule="> 0")
        return number

    def optional_ppm(self, column: str, custom_column: str | None = None) -> int | None:
        number = self.optional_decimal(column, custom_column)
        if number is None:
            return None
        parts = number * (ONE_MILLION // 100)
        if parts != int(parts):
            name, _ = self._value(column, custom_column)
            raise InvalidInputError(
                f"{name} is {number}; a percentage has at most four decimals", field=name, rule="four decimals"
            )
        return int(parts)

    def ppm(self, column: str, custom_column: str | None = None) -> int:
        value = self.optional_ppm(column, custom_column)
        if value is None:
            raise InvalidInputError(f"{column} is missing", field=column, rule="required")
        return value

    def optional_integer(self, column: str, custom_column: str | None = None) -> int | None:
        number = self.optional_decimal(column, custom_column)
        if number is None:
            return None
        if number != int(number):
            name, _ = self._value(column, custom_column)
            raise InvalidInputError(f"{name} is {number}; it has to be a whole number", field=name, rule="integer")
        return int(number)

    def integer(self, column: str, custom_column: str | None = None) -> int:
        value = self.optional_integer(column, custom_column)
        if value is None:
            raise InvalidInputError(f"{column} is missing", field=column, rule="required")
        return value


def _indicators(columns: _Columns) -> StrategyParameters:
    slow = columns.integer("ema_slow", "custom_ema_slow")
    return StrategyParameters(
        ema_fast=columns.integer("ema_fast", "custom_ema_fast"),
        ema_slow=slow,
        ema_period=columns.optional_integer("ema_period") or slow,
        rsi_period=columns.integer("rsi_period", "custom_rsi_period"),
        rsi_oversold=columns.integer("rsi_oversold", "custom_rsi_oversold"),
        rsi_overbought=columns.integer("rsi_overbought", "custom_rsi_overbought"),
    )


def _timeframe(text: str) -> Timeframe:
    try:
        return Timeframe(text)
    except ValueError:
        known = ", ".join(Timeframe)
        raise InvalidInputError(
            f"{text!r} is no timeframe; Binance has: {known}", field="timeframe", rule=f"one of: {known}"
        ) from None


def _market_type(text: str) -> MarketType:
    try:
        return MarketType(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is no position type", field="position_type", rule="one of: spot, futures"
        ) from None


def _warnings(
    stop_loss: int, take_profit: int, trailing: int | None, fees: FeeRates, *, leverage: int, is_futures: bool
) -> tuple[ParameterWarning, ...]:
    found = []
    if take_profit < fees.taker_ppm + fees.maker_ppm + 2 * fees.slippage_ppm:
        found.append(
            ParameterWarning(
                WarningCode.TAKE_PROFIT_BELOW_COSTS,
                "The take profit is nearer than the fees and slippage of a round trip: it can only lose.",
            )
        )
    if trailing is not None and trailing <= stop_loss:
        found.append(
            ParameterWarning(
                WarningCode.STOP_LOSS_NEVER_ACTS,
                "The trailing stop is not wider than the stop loss, which therefore never acts.",
            )
        )
    if is_futures and _stop_is_beyond_liquidation(stop_loss, leverage):
        found.append(
            ParameterWarning(
                WarningCode.STOP_BEYOND_LIQUIDATION,
                f"At leverage {leverage} the position is liquidated before the stop loss is reached.",
            )
        )
    return tuple(found)


def _stop_is_beyond_liquidation(stop_loss: int, leverage: int) -> bool:
    """Compare the stop with the isolated liquidation price of the smallest bracket, for either side.

    Long: 1 - p < (1 - 1/leverage) / (1 - m); short: 1 + p > (1 + 1/leverage) / (1 + m), multiplied out in integers.
    """
    million, m = ONE_MILLION, DEFAULT_MAINTENANCE_PPM
    long_beyond = (million - stop_loss) * (million - m) * leverage < (leverage - 1) * million * million
    short_beyond = (million + stop_loss) * (million + m) * leverage > (leverage + 1) * million * million
    return long_beyond or short_beyond
