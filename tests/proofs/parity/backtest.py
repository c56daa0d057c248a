"""What the backtest makes of a case: its trades, and the bot's memory after each candle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from infra.local.exchange.instruments import MarketKind
from tests.proofs.parity.cases import PRICE_DECIMALS, SYMBOL
from tests.proofs.parity.venue import LEVERAGE_CAP, MAINTENANCE_PPM, CaseMinutes, funding_rates
from tradebot.domain.order import ExitReason, Leg, OrderType
from tradebot.engine.backtest_output import BacktestOutput
from tradebot.engine.backtest_setup import BacktestSetup, FundingRate, MarginBracket
from tradebot.engine.backtest_state import BacktestState
from tradebot.engine.candle_step import roll_day
from tradebot.engine.candles import from_ms
from tradebot.engine.simulate import simulate
from tradebot.engine.tick import status

if TYPE_CHECKING:
    from tests.proofs.parity.cases import Case
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.backtest_output import BacktestTrade
    from tradebot.engine.candles import CandleArray
    from tradebot.engine.memory import BotMemory


class Row(NamedTuple):
    """One execution as both sides have to tell it; without the fee of a liquidation, which the exchange names."""

    candle_ms: int
    leg: str
    side: str
    reason: str
    is_maker: bool
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal | None
    commission_asset: str | None
    realized_pnl: Decimal | None


@dataclass(frozen=True, slots=True)
class Expected:
    """`memories` and `statuses` by the open of the candle at which a tick stands."""

    rows: list[Row]
    #: Opens at which an order executes.
    busy_ms: frozenset[int]
    memories: dict[int, BotMemory]
    statuses: dict[int, str]
    output: BacktestOutput
    #: Settlements of funding that a position paid or got.
    settlements: int


def backtest(case: Case, candles: CandleArray, rules: SymbolRules) -> Expected:
    """Run it candle by candle through the engine that users get, up to the open of the last one."""
    parameters = case.parameters()
    slipped = replace(parameters, fees=replace(parameters.fees, slippage_ppm=case.slippage_ppm))
    setup = BacktestSetup(
        slipped,
        rules,
        case.capital,
        PRICE_DECIMALS,
        MarginBracket(MAINTENANCE_PPM, notional_cap=LEVERAGE_CAP),
        _history(case, candles),
    )
    state, whole = BacktestState.start(setup), BacktestOutput(setup.units)
    before_last, memories, statuses = state, {}, {}
    for number in range(len(candles)):
        before_last = state
        state, output = simulate(setup, candles[number : number + 1], state)
        whole.extend(output)
        if number + 1 < len(candles):
            next_ms = candles.open_time_ms[number + 1]
            memories[next_ms] = roll_day(state.memory, rules, from_ms(next_ms).date())
            statuses[next_ms] = status(memories[next_ms], parameters).value
    last_ms = candles.open_time_ms[-1]
    trades = [trade for trade in whole.trades if trade.at_ms <= last_ms]
    return Expected(
        [_row(trade, rules) for trade in trades],
        frozenset(trade.at_ms for trade in trades if trade.at_ms == trade.candle_ms),
        memories,
        statuses,
        whole,
        before_last.tally.funding_assumed + before_last.tally.funding_known,
    )


def _history(case: Case, candles: CandleArray) -> tuple[FundingRate, ...]:
    """Return the rates with their marks, as an exchange's history has them; none where the usual ones are assumed."""
    if not case.funding:
        return ()
    minutes = CaseMinutes(case, candles)
    history = []
    for stamp, rate in funding_rates(case, candles).items():
        minute = minutes.candle(MarketKind.FUTURES, SYMBOL, stamp)
        units = minute.open if minute else minutes.close_before(MarketKind.FUTURES, SYMBOL, stamp)
        history.append(FundingRate(stamp, rate, None if units is None else Decimal(units).scaleb(-8)))
    return tuple(history)


def _row(trade: BacktestTrade, rules: SymbolRules) -> Row:
    is_liquidation = trade.reason == ExitReason.LIQUIDATION
    is_base = trade.leg is Leg.ENTRY and trade.commission != trade.fee
    return Row(
        trade.candle_ms,
        trade.leg.value,
        trade.position_side.value,
        str(trade.reason),
        trade.order_type is OrderType.LIMIT,
        trade.price,
        trade.quantity,
        trade.quote,
        None if is_liquidation else trade.commission,
        None if is_liquidation else rules.base_asset if is_base else rules.quote_asset,
        trade.realized_pnl,
    )
