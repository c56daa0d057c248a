"""From options to what the engine is given: the bot's parameters, the symbol's filters, the costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from tradebot.domain.market import MarketType
from tradebot.domain.timeframe import Timeframe
from tradebot.engine.backtest import BacktestSetup, MarginBracket
from tradebot.engine.parameters import DEFAULT_FEES, FeeRates, resolve_parameters
from tradebot.errors import InvalidInputError
from tradebot.services.bot_rules import require_consistent
from tradebot_api.schemas.bot_configs import BotConfigIn
from tradebot_cli.errors import CommandError, ExitCode
from tradebot_cli.exchange_info_file import read_rules
from tradebot_cli.funding_file import read_funding
from tradebot_cli.options import CONFIG_OPTIONS, flag_of
from tradebot_cli.symbols import guessed_rules, known_rules, symbol_in

if TYPE_CHECKING:
    import argparse

    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.candles import CandleArray
    from tradebot.engine.parameters import Parameters

_PPM_PER_BPS: Final = 100
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be simulated, as far as it is known before the candles are read."""

    parameters: Parameters
    symbol: str


def plan_of(options: argparse.Namespace, timeframe: str) -> Plan:
    """Resolve the bot's configuration by the API's own rules; `timeframe` is the file's, for those who name none.

    Raise CommandError naming the option.
    """
    symbol = options.symbol or symbol_in(options.candles[0])
    if symbol is None:
        raise CommandError(
            ExitCode.USAGE, f"the name {options.candles[0].name} does not tell the symbol: give --symbol, e.g. BTCUSDT"
        )
    given = {option.field: getattr(options, option.field) for option in CONFIG_OPTIONS}
    given |= {"name": "backtest", "symbol": symbol, "initial_capital": options.capital}
    given["timeframe"] = options.timeframe or timeframe
    try:
        config = BotConfigIn(**given).model_dump()
        seconds = Timeframe(config["timeframe"]).seconds
        config["check_interval_seconds"] = min(config["check_interval_seconds"], seconds)
        require_consistent(config)
        parameters = resolve_parameters(SimpleNamespace(**config), _fees(options, MarketType(config["position_type"])))
    except ValidationError as error:
        raise CommandError(ExitCode.USAGE, "the options do not fit:", tuple(_lines(error))) from None
    except InvalidInputError as error:
        raise _refused(error) from None
    return Plan(parameters, symbol)


def setup_of(options: argparse.Namespace, plan: Plan, candles: CandleArray) -> tuple[BacktestSetup, list[str]]:
    """Return the engine's setup and what its owner should know. The candles are those that will be simulated."""
    parameters, notes = plan.parameters, [warning.message for warning in plan.parameters.warnings]
    rules, is_guessed = _rules(options, plan, candles)
    if is_guessed:
        notes.append(
            f"Binance's filters of {plan.symbol} are not known here; assumed: tick {rules.tick_size.normalize():f}, "
            f"step {rules.step_size.normalize():f}, least order {rules.min_notional.normalize():f} "
            f"{rules.quote_asset}. --exchange-info reads them; --tick-size, --step-size and --min-notional set them."
        )
    has_limit = any((parameters.max_daily_loss_ppm, parameters.daily_target_ppm, parameters.max_daily_trades))
    if has_limit and parameters.timeframe.seconds >= _DAY_SECONDS:
        notes.append("Daily limits never pause a bot whose candles last a day or more.")
    try:
        setup = BacktestSetup(
            parameters=parameters,
            rules=rules,
            initial_capital=options.capital,
            price_decimals=candles.price_decimals,
            bracket=MarginBracket(
                maintenance_ppm=_ppm(options.maintenance_perc * 100, "--maintenance-perc"),
                maintenance_amount=options.maintenance_amount,
                notional_cap=options.notional_cap,
            ),
            funding=read_funding(options.funding) if options.funding else (),
            warm_up=options.warm_up,
        )
        setup.units  # noqa: B018  # refuses decimals that are too fine together, here rather than half-way
    except InvalidInputError as error:
        raise _refused(error) from None
    return setup, notes


def _rules(options: argparse.Namespace, plan: Plan, candles: CandleArray) -> tuple[SymbolRules, bool]:
    if options.exchange_info:
        rules: SymbolRules | None = read_rules(options.exchange_info, plan.symbol)
    else:
        rules = known_rules(plan.parameters.market_type, plan.symbol)
    is_guessed = rules is None
    if rules is None:
        price = Decimal(candles.close[-1]).scaleb(-candles.price_decimals)
        rules = guessed_rules(plan.symbol, candles.price_decimals, price)
    names = ("tick_size", "step_size", "min_qty", "max_qty", "min_notional")
    given: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if "step_size" in given:
        given.setdefault("min_qty", given["step_size"])
    for name in ("tick_size", "step_size", "max_qty"):
        if given.get(name) == 0:
            raise CommandError(ExitCode.USAGE, f"{flag_of(name)} has to be above zero")
    return replace(rules, **given), is_guessed and not {"tick_size", "step_size", "min_notional"} <= set(given)


def _fees(options: argparse.Namespace, market: MarketType) -> FeeRates:
    fees = DEFAULT_FEES[market]
    if options.fees_bps is not None:
        maker, taker = options.fees_bps
        fees = replace(fees, maker_ppm=_bps(maker, "--fees-bps"), taker_ppm=_bps(taker, "--fees-bps"))
    if options.slippage_bps is not None:
        fees = replace(fees, slippage_ppm=_bps(options.slippage_bps, "--slippage-bps"))
    return fees


def _bps(value: Decimal, flag: str) -> int:
    return _ppm(value * _PPM_PER_BPS, flag)


def _ppm(value: Decimal, flag: str) -> int:
    if value != int(value):
        raise CommandError(ExitCode.USAGE, f"{flag} is finer than a part per million")
    if value >= 1_000_000:  # a whole
        raise CommandError(ExitCode.USAGE, f"{flag} has to be below 100 %")
    return int(value)


def _lines(error: ValidationError) -> list[str]:
    found = []
    for one in error.errors():
        field = str(one["loc"][0]) if one["loc"] else ""
        found.append(f"{flag_of(field)} {one['input']}: {one['msg'][:1].lower()}{one['msg'][1:]}")
    return found


def _refused(error: InvalidInputError) -> CommandError:
    if not error.violations:
        return CommandError(ExitCode.USAGE, error.message)
    lines = tuple(f"{flag_of(one.field)}: {one.message}" for one in error.violations)
    return CommandError(ExitCode.USAGE, "the options do not fit:", lines)
