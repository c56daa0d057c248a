"""Ask for a backtest: checked against the market, stored, and handed to the workflow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tradebot.aws.invoker import FunctionFailedError
from tradebot.domain.market import MarketType
from tradebot.domain.money import times
from tradebot.engine.backtest_setup import MarginBracket, Units
from tradebot.engine.candles import decimals_of
from tradebot.engine.parameters import DEFAULT_FEES, FeeRates, resolve_parameters
from tradebot.errors import ConflictError, ExchangeUnavailableError, InvalidInputError, TradeBotError, Violation
from tradebot.observability import logger
from tradebot.repositories import backtests, bot_configs
from tradebot.services.backtest_document import document_of, rules_from_json, warm_up_start
from tradebot.services.bot_rules import require_consistent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tradebot.aws.invoker import Asker
    from tradebot.aws.workflow import Workflow
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.parameters import Parameters
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

#: Bounds what one account can make the platform compute at once, and keep.
MOST_UNDER_WAY: Final = 5
MOST_KEPT: Final = 1_000
#: Ten years of minutes, and as many months as the workflow's history has room for.
MOST_CANDLES: Final = 5_300_000
MOST_DAYS: Final = 3_653
#: Fields of a bot's configuration under the names that a backtest's request has for them.
_RENAMED: Final = {"timeframe": "interval", "position_type": "market_type"}
_TOP: Final = {"symbol", "interval", "market_type", "leverage", "initial_capital"}
_PPM_PER_BPS: Final = 100


class BacktestNotStartedError(TradeBotError):
    """The workflow could not be started; the backtest is stored as failed. Ask again in a moment."""

    http_status = 503
    code = "backtest-not-started"
    retryable = True


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """What is asked for. `config` has every column of a bot that its user may set."""

    config: Mapping[str, Any]
    start_at: datetime
    end_at: datetime
    maker_fee_bps: Decimal | None = None
    taker_fee_bps: Decimal | None = None
    slippage_bps: Decimal | None = None
    #: Where the fields of `config` stand in the request: `parameters.`, or nothing where they are a bot's.
    prefix: str = "parameters."
    bot_config_id: int | None = None


@dataclass(frozen=True, slots=True)
class StartBacktest:
    """Store a backtest and start its workflow, whose execution has the backtest's id for a name."""

    sessions: UserSessions
    #: backtest_plan, which can speak to the exchange.
    market_facts: Asker
    workflow: Workflow

    def __call__(self, token: AccessToken, request: BacktestRequest) -> Record:
        """Return the stored backtest. Raises InvalidInputError naming the field, ConflictError, ExchangeError."""
        fees, parameters = _resolved(request)
        with self.sessions.of(token) as session:
            if backtests.count_unfinished(session, token.user_id) >= MOST_UNDER_WAY:
                raise ConflictError(f"{MOST_UNDER_WAY} backtests are under way; wait for one, or cancel one.")
            if backtests.count_backtests(session, token.user_id) >= MOST_KEPT:
                raise ConflictError(f"An account keeps at most {MOST_KEPT} backtests; delete one first.")
        _require_span(request, parameters)
        facts = self._facts(parameters)
        rules = rules_from_json(facts["rules"])
        _require_within_market(request, parameters, rules, facts)
        with self.sessions.of(token) as session:
            backtest_id = backtests.insert_backtest(session, token.user_id, _row(request, parameters, fees, rules))
            stored = backtests.get_backtest(session, token.user_id, backtest_id)
        try:
            self.workflow.start(stored.execution_name, {"backtest_id": backtest_id, "user_id": token.user_id})
        except Exception as error:
            logger().exception("a backtest's workflow did not start")
            with self.sessions.of(token) as session:
                backtests.fail(session, token.user_id, backtest_id, reason="It could not be started. Ask for it again.")
            raise BacktestNotStartedError("The backtest could not be started; ask for it again in a moment.") from error
        return stored

    def of_bot(
        self, token: AccessToken, bot_config_id: int, *, initial_capital: Decimal | None, **given: Any
    ) -> Record:
        """Start the backtest of a bot's own configuration; the capital is the bot's where none is given."""
        with self.sessions.of(token) as session:
            bot = bot_configs.get_bot_config(session, token.user_id, bot_config_id)
        capital = initial_capital if initial_capital is not None else bot.initial_capital
        if capital is None:
            raise InvalidInputError(
                "The bot has no initial capital: say with how much the backtest begins.",
                field="initial_capital",
                rule="required",
            )
        config = {**bot._asdict(), "initial_capital": capital}
        return self(token, BacktestRequest(config, prefix="", bot_config_id=bot_config_id, **given))

    def _facts(self, parameters: Parameters) -> dict[str, Any]:
        question = {
            "market": parameters.market_type.value,
            "symbol": parameters.symbol,
            "timeframe": parameters.timeframe.value,
        }
        try:
            facts: dict[str, Any] = self.market_facts.ask({"facts": question})
        except FunctionFailedError as error:
            if error.name == InvalidInputError.__name__:
                raise InvalidInputError(error.message, field="symbol", rule="known_symbol") from None
            logger().warning("a market's facts are not known", extra={"error": error.name, "cause": error.message})
            raise ExchangeUnavailableError(
                "The exchange does not say what it trades at the moment; ask again in a minute."
            ) from None
        return facts


def _resolved(request: BacktestRequest) -> tuple[FeeRates, Parameters]:
    """Return what the request comes to. Raises InvalidInputError under the request's own field names."""
    try:
        require_consistent(request.config)
        market = MarketType(request.config["position_type"])
        fees = _fees(request, DEFAULT_FEES[market])
        parameters = resolve_parameters(_Columns(request.config), fees)
    except InvalidInputError as error:
        raise InvalidInputError.of(
            tuple(Violation(_name(request, one.field), one.rule, one.message) for one in error.violations)
        ) from None
    return fees, parameters


class _Columns:
    """A mapping's members as attributes, as `resolve_parameters` reads a row."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _name(request: BacktestRequest, field: str) -> str:
    name = _RENAMED.get(field, field)
    is_top = name in _TOP or name.endswith("_bps")
    return name if is_top else f"{request.prefix}{name}"


def _fees(request: BacktestRequest, default: FeeRates) -> FeeRates:
    return FeeRates(
        maker_ppm=_ppm(request.maker_fee_bps, default.maker_ppm),
        taker_ppm=_ppm(request.taker_fee_bps, default.taker_ppm),
        slippage_ppm=_ppm(request.slippage_bps, default.slippage_ppm),
    )


def _ppm(bps: Decimal | None, default: int) -> int:
    return default if bps is None else int(bps * _PPM_PER_BPS)


def _require_span(request: BacktestRequest, parameters: Parameters) -> None:
    """Refuse what needs no exchange to be refused."""
    timeframe = parameters.timeframe
    if request.end_at <= request.start_at:
        raise InvalidInputError("end_date has to be after start_date.", field="end_date", rule="after_start")
    warm_up_seconds = parameters.warm_up_candles * timeframe.seconds
    seconds = (request.end_at - request.start_at).total_seconds() + warm_up_seconds
    if seconds > MOST_DAYS * 86_400 or seconds / timeframe.seconds > MOST_CANDLES:
        raise InvalidInputError(
            f"With its warm-up of {parameters.warm_up_candles:,} candles the span is longer than ten years, the most "
            "that is tested at once.",
            field="end_date",
            rule="span",
        )


def _require_within_market(
    request: BacktestRequest, parameters: Parameters, rules: SymbolRules, facts: Mapping[str, Any]
) -> None:
    violations = tuple(_market_violations(request, parameters, rules, facts))
    if violations:
        raise InvalidInputError.of(violations)


def _market_violations(
    request: BacktestRequest, parameters: Parameters, rules: SymbolRules, facts: Mapping[str, Any]
) -> Iterator[Violation]:
    first_at, newest_at = datetime.fromisoformat(facts["first_at"]), datetime.fromisoformat(facts["newest_at"])
    symbol, timeframe = parameters.symbol, parameters.timeframe
    if request.end_at > newest_at:
        yield Violation(
            "end_date", "past", f"The newest candle of {symbol} that has closed did so at {newest_at:%Y-%m-%dT%H:%MZ}."
        )
    if warm_up_start(parameters, request.start_at) < first_at:
        needed = f"{parameters.warm_up_candles:,} candles of {timeframe} warm the indicators up"
        yield Violation(
            "start_date",
            "after_listing",
            f"{symbol} has candles from {first_at:%Y-%m-%dT%H:%MZ} on, of which {needed}: start later.",
        )
    capital = parameters.initial_capital or Decimal(0)
    if times(capital, Decimal(parameters.leverage)) < rules.min_notional:
        yield Violation(
            "initial_capital",
            "min_notional",
            f"The least order of {symbol} is worth {rules.min_notional.normalize():f} {rules.quote_asset}.",
        )
    fixed = parameters.position_size_fixed
    if fixed is not None and times(fixed, Decimal(parameters.leverage)) < rules.min_notional:
        yield Violation(
            f"{request.prefix}position_size_fixed",
            "min_notional",
            f"The least order of {symbol} is worth {rules.min_notional.normalize():f} {rules.quote_asset}.",
        )
    try:
        Units.of(rules, decimals_of(rules.tick_size))
    except InvalidInputError as error:
        yield Violation("symbol", "precision", error.message)


def _row(request: BacktestRequest, parameters: Parameters, fees: FeeRates, rules: SymbolRules) -> dict[str, Any]:
    assert parameters.initial_capital is not None
    return {
        "bot_config_id": request.bot_config_id,
        "symbol": parameters.symbol,
        "interval": parameters.timeframe,
        "start_date": request.start_at.isoformat(timespec="seconds"),
        "end_date": request.end_at.isoformat(timespec="seconds"),
        "parameters": document_of(request.config, fees, rules, MarginBracket()),
        "initial_capital": float(parameters.initial_capital),
        "market_type": parameters.market_type,
        "leverage": parameters.leverage,
    }
