"""One function resolves a configuration, whatever its columns say."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from decimal import Decimal

import pytest

from tests.unit.engine.desk import config, parameters
from tradebot.domain.market import MarketType
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.notes import WarningCode
from tradebot.engine.parameters import FeeRates, resolve_parameters
from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import StrategyParameters


def test_plain_strategies_read_the_plain_columns() -> None:
    resolved = parameters(strategy="ema", trailing_stop_active=True, trailing_stop_perc=Decimal("2.5"))
    assert resolved.indicators == StrategyParameters(9, 21, 21, 14, 30, 70)
    assert (resolved.stop_loss_ppm, resolved.take_profit_ppm, resolved.trailing_stop_ppm) == (20_000, 40_000, 25_000)


@pytest.mark.rule(1)
def test_simple_uses_ema_period_or_the_slow_average_where_it_is_null() -> None:
    assert parameters(strategy="simple", ema_period=50).indicators.ema_period == 50
    assert parameters(strategy="simple", ema_period=None).indicators.ema_period == 21


@pytest.mark.rule(1)
def test_custom_reads_the_custom_columns() -> None:
    resolved = parameters(strategy="custom", trailing_stop_active=True)
    assert resolved.indicators == StrategyParameters(8, 22, 22, 7, 35, 65)
    assert (resolved.stop_loss_ppm, resolved.take_profit_ppm, resolved.trailing_stop_ppm) == (5_000, 15_000, 3_000)


@pytest.mark.rule(1)
def test_an_explicit_null_of_a_custom_column_falls_back_to_the_plain_one() -> None:
    nulls = dict.fromkeys(
        [
            "custom_ema_fast",
            "custom_ema_slow",
            "custom_rsi_period",
            "custom_rsi_oversold",
            "custom_rsi_overbought",
            "custom_stop_loss",
            "custom_take_profit",
            "custom_trailing_stop",
        ]
    )
    trailing = {"trailing_stop_active": True, "trailing_stop_perc": Decimal(3)}
    resolved = parameters(strategy="custom", **nulls, **trailing)
    assert resolved.indicators == parameters(strategy="ema").indicators
    assert (resolved.stop_loss_ppm, resolved.take_profit_ppm, resolved.trailing_stop_ppm) == (20_000, 40_000, 30_000)


def test_a_trailing_stop_that_is_not_active_does_not_exist() -> None:
    assert parameters(strategy="custom", trailing_stop_active=False).trailing_stop_ppm is None


def test_an_active_trailing_stop_without_its_distance_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="trailing_stop_perc is missing"):
        parameters(strategy="ema", trailing_stop_active=True)


def test_no_strategy_means_the_default_one() -> None:
    assert resolve_parameters(config(strategy=None)).strategy == "simple"


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"strategy": "magic"}, "strategy", "known are: simple, custom, ema"),
        ({"timeframe": "7m"}, "timeframe", "Binance has: 1s, 1m"),
        ({"position_type": "margin"}, "position_type", "margin"),
        ({"stop_loss_perc": Decimal(0)}, "stop_loss_perc", "above zero"),
        ({"stop_loss_perc": Decimal("NaN")}, "stop_loss_perc", "above zero"),
        ({"stop_loss_perc": None}, "stop_loss_perc", "missing"),
        ({"take_profit_perc": Decimal("1.00001")}, "take_profit_perc", "four decimals"),
        ({"ema_fast": "nine"}, "ema_fast", "above zero"),
        ({"ema_fast": Decimal("9.5")}, "ema_fast", "whole number"),
        ({"strategy": "custom", "custom_stop_loss": Decimal("0.00001")}, "custom_stop_loss", "four decimals"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_field(changes: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as refused:
        parameters(**changes)
    assert refused.value.field == field


def test_spot_has_no_leverage() -> None:
    assert parameters(position_type="spot", leverage=10).leverage == 1
    assert parameters(position_type="futures", leverage=10).leverage == 10


@pytest.mark.rule(1)
def test_types_are_resolved_and_frozen() -> None:
    resolved = parameters(timeframe="15m", position_type="futures")
    assert resolved.timeframe is Timeframe.M15
    assert resolved.market_type is MarketType.FUTURES
    with pytest.raises(FrozenInstanceError):
        resolved.leverage = 125  # type: ignore[misc]  # this is what must not work


def test_percentages_become_parts_per_million_whatever_number_type_brought_them() -> None:
    for value in (Decimal("0.5"), 0.5, "0.5", Decimal("0.5000")):
        assert parameters(stop_loss_perc=value).stop_loss_ppm == 5_000
    assert parameters(max_daily_loss_perc=Decimal("0.0001")).max_daily_loss_ppm == 1


@pytest.mark.rule(6)
def test_warm_up_is_20_slow_averages_or_40_rsi_periods_whichever_is_longer() -> None:
    assert parameters(strategy="ema", ema_slow=21, rsi_period=14).warm_up_candles == 40 * 14
    assert parameters(strategy="ema", ema_slow=50, rsi_period=14).warm_up_candles == 20 * 50
    assert parameters(strategy="simple", ema_slow=50, ema_period=100).warm_up_candles == 20 * 100
    assert parameters(strategy="simple", ema_slow=200, ema_period=10, rsi_period=2).warm_up_candles == 20 * 10


@pytest.mark.rule(15)
def test_fees_default_to_binances_base_tier() -> None:
    assert parameters(position_type="spot").fees == FeeRates(maker_ppm=1_000, taker_ppm=1_000, slippage_ppm=200)
    assert parameters(position_type="futures").fees == FeeRates(maker_ppm=200, taker_ppm=500, slippage_ppm=200)
    free = FeeRates(0, 0, 0)
    assert resolve_parameters(config(), free).fees == free


def codes(**changes: object) -> list[WarningCode]:
    return [warning.code for warning in parameters(**changes).warnings]


def test_a_sound_configuration_is_not_warned_of() -> None:
    assert codes() == []
    assert codes(position_type="futures") == []


@pytest.mark.rule(15)
def test_a_take_profit_nearer_than_both_fees_and_slippages_is_warned_of() -> None:
    assert codes(take_profit_perc=Decimal("0.23")) == [WarningCode.TAKE_PROFIT_BELOW_COSTS]
    assert codes(take_profit_perc=Decimal("0.24")) == []
    assert codes(take_profit_perc=Decimal("0.1"), position_type="futures") == [WarningCode.TAKE_PROFIT_BELOW_COSTS]


@pytest.mark.rule(16)
def test_a_trailing_stop_not_wider_than_the_stop_loss_is_warned_of() -> None:
    assert codes(trailing_stop_active=True, trailing_stop_perc=Decimal(2)) == [WarningCode.STOP_LOSS_NEVER_ACTS]
    assert codes(trailing_stop_active=True, trailing_stop_perc=Decimal("2.1")) == []
    assert codes(trailing_stop_active=False, trailing_stop_perc=Decimal(1)) == []


@pytest.mark.rule(17)
@pytest.mark.parametrize(
    ("leverage", "stop", "warned"),
    [
        # Long at leverage 10: L = 0.9 / 0.996 of the entry, 9.638 % away; short: 1.1 / 1.004, 9.562 % away.
        (10, "9.5", False),
        (10, "9.6", True),
        (10, "9.7", True),
        (125, "0.4", True),
        (125, "0.3", False),
        (1, "50", False),
    ],
)
def test_a_stop_beyond_the_liquidation_price_is_warned_of(leverage: int, stop: str, warned: bool) -> None:
    found = codes(position_type="futures", leverage=leverage, stop_loss_perc=Decimal(stop))
    assert (WarningCode.STOP_BEYOND_LIQUIDATION in found) is warned


def test_spot_is_never_liquidated() -> None:
    assert codes(stop_loss_perc=Decimal(90)) == []
