"""Rules that hold between a bot's parameters, and what is allowed but worth a warning. Ranges are the schema's.

What is read is a mapping of `bot_configs` columns, so that creating, changing and starting obey the same rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.domain.timeframe import Timeframe
from tradebot.engine.parameters import resolve_parameters
from tradebot.errors import InvalidInputError, Violation
from tradebot.strategy.registry import STRATEGY_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from tradebot.repositories.pages import Record

_DAY_SECONDS = 86_400
_CUSTOM = "custom"
_FUTURES = "futures"


def require_consistent(config: Mapping[str, Any]) -> None:
    """Raise InvalidInputError with every rule that `config` breaks, each with its field."""
    violations = tuple(_violations(config))
    if violations:
        raise InvalidInputError.of(violations)


def _violations(config: Mapping[str, Any]) -> Iterator[Violation]:
    yield from _strategy_violations(config)
    yield from _indicator_violations(config)
    if config["trailing_stop_active"] and _trailing_stop(config) is None:
        field = "custom_trailing_stop" if config["strategy"] == _CUSTOM else "trailing_stop_perc"
        yield Violation(
            field if config["trailing_stop_perc"] is not None else "trailing_stop_perc",
            "trailing_stop_present",
            "A trailing stop that is active needs its distance: give trailing_stop_perc.",
        )
    timeframe = Timeframe(config["timeframe"])
    if config["check_interval_seconds"] > timeframe.seconds:
        yield Violation(
            "check_interval_seconds",
            "check_interval_within_timeframe",
            f"The check interval may be at most the timeframe: {timeframe.seconds} seconds for {timeframe}.",
        )
    if config["position_type"] != _FUTURES and config["auto_transfer_funds"]:
        yield Violation(
            "auto_transfer_funds",
            "futures_only",
            "Funds are transferred from spot to futures, so auto_transfer_funds needs position_type futures.",
        )
    if config["position_type"] == _FUTURES and config["take_profit_perc"] >= 100:
        yield Violation(
            "take_profit_perc",
            "short_take_profit_above_zero",
            "On futures the take profit has to be below 100 %: a short's would lie at or below a price of zero.",
        )


def _strategy_violations(config: Mapping[str, Any]) -> Iterator[Violation]:
    if config["strategy"] not in STRATEGY_NAMES:
        known = ", ".join(STRATEGY_NAMES)
        yield Violation("strategy", "known_strategy", f"There is no such strategy; known are: {known}.")


def _indicator_violations(config: Mapping[str, Any]) -> Iterator[Violation]:
    if config["ema_fast"] >= config["ema_slow"]:
        yield Violation("ema_fast", "ema_order", "ema_fast has to be smaller than ema_slow.")
    if config["rsi_oversold"] >= config["rsi_overbought"]:
        yield Violation("rsi_oversold", "rsi_order", "rsi_oversold has to be smaller than rsi_overbought.")
    if config["strategy"] != _CUSTOM:
        return
    if _custom(config, "ema_fast") >= _custom(config, "ema_slow"):
        yield Violation(
            "custom_ema_fast",
            "custom_ema_order",
            "custom_ema_fast has to be smaller than custom_ema_slow (a null stands for the plain column).",
        )
    if _custom(config, "rsi_oversold") >= _custom(config, "rsi_overbought"):
        yield Violation(
            "custom_rsi_oversold",
            "custom_rsi_order",
            "custom_rsi_oversold has to be smaller than custom_rsi_overbought (a null stands for the plain column).",
        )


def warnings_of(config: Record) -> list[str]:
    """Return what the owner of a valid configuration should know."""
    return list(_warnings(config))


def _warnings(config: Record) -> Iterator[str]:
    yield from (warning.message for warning in resolve_parameters(config).warnings)
    has_daily_limit = any(
        limit is not None for limit in (config.max_daily_loss_perc, config.daily_target_perc, config.max_daily_trades)
    )
    if has_daily_limit and Timeframe(config.timeframe).seconds >= _DAY_SECONDS:
        yield "Daily limits never pause a bot whose candles last a day or more."
    if config.api_key_id is None:
        capital = "" if config.initial_capital is not None else " It needs an initial capital for that."
        yield f"Without an API key the bot trades on paper: by public candles, with simulated fills.{capital}"


def _custom(config: Mapping[str, Any], column: str) -> Any:
    value = config[f"custom_{column}"]
    return config[column] if value is None else value


def _trailing_stop(config: Mapping[str, Any]) -> Decimal | None:
    custom = config["custom_trailing_stop"] if config["strategy"] == _CUSTOM else None
    value: Decimal | None = config["trailing_stop_perc"] if custom is None else custom
    return value
