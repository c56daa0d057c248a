"""Bots as their users configure them. Ranges stand here; rules between fields are the use case's."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import LINE_PATTERN, DecimalOut, DecimalRange, Id, In, Instant, Out, Page, WholeNumber
from tradebot_api.schemas.words import MarketType, Timeframe

Money = Annotated[Decimal, DecimalRange(most=Decimal(10**15), places=12)]
StopPerc = Annotated[Decimal, DecimalRange(most=Decimal(99), places=4)]
TargetPerc = Annotated[Decimal, DecimalRange(most=Decimal(1000), places=4)]
SharePerc = Annotated[Decimal, DecimalRange(most=Decimal(100), places=4)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=LINE_PATTERN)]
Symbol = Annotated[
    str,
    Field(
        pattern=r"^[A-Z0-9]{2,20}(_[0-9]{6})?$",
        max_length=27,
        description="As Binance writes it: BTCUSDT.",
    ),
]
Period = Annotated[WholeNumber, Field(ge=1, le=1000)]
RsiPeriod = Annotated[WholeNumber, Field(ge=2, le=1000)]
RsiLevel = Annotated[WholeNumber, Field(ge=1, le=99)]
Leverage = Annotated[WholeNumber, Field(ge=1, le=125, description="Counts on futures only.")]
CheckInterval = Annotated[WholeNumber, Field(ge=1, le=2_678_400, description="Seconds; at most the timeframe.")]
DailyTrades = Annotated[WholeNumber, Field(ge=1, le=100_000)]
Strategy = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", max_length=40, description="`simple`, `ema` or `custom`."),
]
ApiKeyId = Annotated[WholeNumber, Field(ge=1, le=2_147_483_647)]

CONFIG_IN_EXAMPLE: dict[str, Any] = {
    "name": "BTC trend",
    "symbol": "BTCUSDT",
    "timeframe": "5m",
    "strategy": "ema",
    "position_type": "spot",
    "api_key_id": 7,
    "position_size_perc": "10",
    "stop_loss_perc": "1.5",
    "take_profit_perc": "3",
    "ema_fast": 9,
    "ema_slow": 21,
    "rsi_period": 14,
    "rsi_oversold": 30,
    "rsi_overbought": 70,
    "max_daily_trades": 20,
}


class StrategyIn(In):
    """What a bot trades by, live and in a backtest. Percentages: 2 means 2 % of the fill price."""

    strategy: Strategy = "simple"
    position_size_perc: SharePerc | None = None
    position_size_fixed: Money | None = None
    stop_loss_perc: StopPerc
    take_profit_perc: TargetPerc
    trailing_stop_active: Annotated[bool, Field(strict=True)] = False
    trailing_stop_perc: StopPerc | None = None
    max_daily_loss_perc: SharePerc | None = None
    daily_target_perc: TargetPerc | None = None
    max_daily_trades: DailyTrades | None = None
    ema_fast: Period
    ema_slow: Period
    ema_period: Period | None = None
    rsi_period: RsiPeriod
    rsi_oversold: RsiLevel
    rsi_overbought: RsiLevel
    custom_ema_fast: Period | None = 8
    custom_ema_slow: Period | None = 21
    custom_rsi_period: RsiPeriod | None = 7
    custom_rsi_oversold: RsiLevel | None = 35
    custom_rsi_overbought: RsiLevel | None = 65
    custom_stop_loss: StopPerc | None = Decimal("0.5")
    custom_take_profit: TargetPerc | None = Decimal("1.5")
    custom_trailing_stop: StopPerc | None = Decimal("0.3")


class BotConfigIn(StrategyIn):
    """A new bot. Percentages: 2 means 2 % of the fill price. Money is in the quote currency."""

    model_config = ConfigDict(json_schema_extra={"example": CONFIG_IN_EXAMPLE})

    name: Name
    symbol: Symbol
    timeframe: Timeframe
    position_type: MarketType = "spot"
    api_key_id: ApiKeyId | None = None
    leverage: Leverage = 10
    initial_capital: Money | None = None
    check_interval_seconds: CheckInterval = 60
    transfer_amount: Money | None = None
    auto_transfer_funds: Annotated[bool, Field(strict=True)] = False


class BotConfigClone(In):
    """What the copy is called; without a name, as the original and marked as a copy."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "BTC trend, wider stop"}})

    name: Name | None = None


#: A default that no rule sees; `exclude_unset` leaves it out.
_NOT_GIVEN: Any = None


class BotConfigPatch(In):
    """What shall change; what is not named stays. While the bot is active only its name may change."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "BTC trend, tighter", "stop_loss_perc": "1.2"}})

    name: Name = _NOT_GIVEN
    symbol: Symbol = _NOT_GIVEN
    timeframe: Timeframe = _NOT_GIVEN
    strategy: Strategy = _NOT_GIVEN
    position_type: MarketType = _NOT_GIVEN
    api_key_id: ApiKeyId | None = None
    leverage: Leverage = _NOT_GIVEN
    initial_capital: Money | None = None
    position_size_perc: SharePerc | None = None
    position_size_fixed: Money | None = None
    stop_loss_perc: StopPerc = _NOT_GIVEN
    take_profit_perc: TargetPerc = _NOT_GIVEN
    trailing_stop_active: Annotated[bool, Field(strict=True)] = _NOT_GIVEN
    trailing_stop_perc: StopPerc | None = None
    max_daily_loss_perc: SharePerc | None = None
    daily_target_perc: TargetPerc | None = None
    max_daily_trades: DailyTrades | None = None
    check_interval_seconds: CheckInterval = _NOT_GIVEN
    ema_fast: Period = _NOT_GIVEN
    ema_slow: Period = _NOT_GIVEN
    ema_period: Period | None = None
    rsi_period: RsiPeriod = _NOT_GIVEN
    rsi_oversold: RsiLevel = _NOT_GIVEN
    rsi_overbought: RsiLevel = _NOT_GIVEN
    custom_ema_fast: Period | None = None
    custom_ema_slow: Period | None = None
    custom_rsi_period: RsiPeriod | None = None
    custom_rsi_oversold: RsiLevel | None = None
    custom_rsi_overbought: RsiLevel | None = None
    custom_stop_loss: StopPerc | None = None
    custom_take_profit: TargetPerc | None = None
    custom_trailing_stop: StopPerc | None = None
    transfer_amount: Money | None = None
    auto_transfer_funds: Annotated[bool, Field(strict=True)] = _NOT_GIVEN


CONFIG_OUT_EXAMPLE: dict[str, Any] = {
    "id": 42,
    "name": "BTC trend",
    "symbol": "BTCUSDT",
    "timeframe": "5m",
    "is_active": False,
    "strategy": "ema",
    "position_type": "spot",
    "api_key_id": 7,
    "leverage": 10,
    "initial_capital": None,
    "position_size_perc": "10",
    "position_size_fixed": None,
    "stop_loss_perc": "1.5",
    "take_profit_perc": "3",
    "trailing_stop_active": False,
    "trailing_stop_perc": None,
    "max_daily_loss_perc": None,
    "daily_target_perc": None,
    "max_daily_trades": 20,
    "check_interval_seconds": 60,
    "ema_fast": 9,
    "ema_slow": 21,
    "ema_period": None,
    "rsi_period": 14,
    "rsi_oversold": 30,
    "rsi_overbought": 70,
    "custom_ema_fast": 8,
    "custom_ema_slow": 21,
    "custom_rsi_period": 7,
    "custom_rsi_oversold": 35,
    "custom_rsi_overbought": 65,
    "custom_stop_loss": "0.5",
    "custom_take_profit": "1.5",
    "custom_trailing_stop": "0.3",
    "transfer_amount": None,
    "auto_transfer_funds": False,
    "created_at": "2026-11-22T10:00:00Z",
    "updated_at": "2026-11-22T10:00:00Z",
    "warnings": [],
}


class BotConfigOut(Out):
    """A bot's configuration."""

    model_config = ConfigDict(json_schema_extra={"example": CONFIG_OUT_EXAMPLE})

    id: Id
    name: str
    symbol: str
    timeframe: Timeframe
    is_active: bool
    strategy: str
    position_type: MarketType
    api_key_id: int | None
    leverage: int
    initial_capital: DecimalOut | None
    position_size_perc: DecimalOut | None
    position_size_fixed: DecimalOut | None
    stop_loss_perc: DecimalOut
    take_profit_perc: DecimalOut
    trailing_stop_active: bool
    trailing_stop_perc: DecimalOut | None
    max_daily_loss_perc: DecimalOut | None
    daily_target_perc: DecimalOut | None
    max_daily_trades: int | None
    check_interval_seconds: int
    ema_fast: int
    ema_slow: int
    ema_period: int | None
    rsi_period: int
    rsi_oversold: int
    rsi_overbought: int
    custom_ema_fast: int | None
    custom_ema_slow: int | None
    custom_rsi_period: int | None
    custom_rsi_oversold: int | None
    custom_rsi_overbought: int | None
    custom_stop_loss: DecimalOut | None
    custom_take_profit: DecimalOut | None
    custom_trailing_stop: DecimalOut | None
    transfer_amount: DecimalOut | None
    auto_transfer_funds: bool
    created_at: Instant
    updated_at: Instant
    warnings: list[str] = Field(default=[], description="What is allowed but worth a second look.")


class BotConfigPage(Page[BotConfigOut]):
    """A page of bots, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [CONFIG_OUT_EXAMPLE], "next_cursor": None}})
