"""What the engine's tests stand on: configurations, candles, a scripted strategy, and a desk that fills at once.

The desk keeps the account by itself, from its own fills, so that the bot's books can be held against it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_UP, Decimal, localcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tradebot.domain.candle import Candle
from tradebot.domain.order import Execution, Fill
from tradebot.domain.position import PositionSide
from tradebot.domain.symbol import SymbolRules
from tradebot.engine.parameters import resolve_parameters
from tradebot.engine.tick import (
    BotMemory,
    EntryDecision,
    EntrySize,
    apply_entry,
    apply_exit,
    drop_entry,
    observe,
    size_entry,
    start_memory,
)
from tradebot.strategy.interface import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT, Signals, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tradebot.domain.order import ExitReason
    from tradebot.engine.parameters import Parameters
    from tradebot.engine.tick import Decision
    from tradebot.strategy.interface import StrategyParameters, StrategyState

#: The first test candle opens here; minute n of the tests counts from it.
START = datetime(2023, 3, 13, 10, 0, tzinfo=UTC)
RULES = SymbolRules(
    symbol="BTCUSDT",
    base_asset="BTC",
    quote_asset="USDT",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.00001"),
    min_qty=Decimal("0.00001"),
    max_qty=Decimal(9000),
    min_notional=Decimal(10),
)
CONFIG: dict[str, Any] = {
    "strategy": "ema",
    "symbol": "BTCUSDT",
    "timeframe": "1m",
    "position_type": "spot",
    "leverage": 10,
    "initial_capital": Decimal(10_000),
    "position_size_fixed": Decimal(1_000),
    "position_size_perc": None,
    "stop_loss_perc": Decimal(2),
    "take_profit_perc": Decimal(4),
    "trailing_stop_perc": None,
    "trailing_stop_active": False,
    "ema_fast": 9,
    "ema_slow": 21,
    "ema_period": None,
    "rsi_period": 14,
    "rsi_oversold": 30,
    "rsi_overbought": 70,
    "max_daily_loss_perc": None,
    "daily_target_perc": None,
    "max_daily_trades": None,
    "check_interval_seconds": 60,
    "custom_ema_fast": 8,
    "custom_ema_slow": 22,
    "custom_rsi_period": 7,
    "custom_rsi_oversold": 35,
    "custom_rsi_overbought": 65,
    "custom_stop_loss": Decimal("0.5"),
    "custom_take_profit": Decimal("1.5"),
    "custom_trailing_stop": Decimal("0.3"),
}


def config(**changes: Any) -> SimpleNamespace:
    """Return an object with the attributes of a bot's configuration."""
    assert set(changes) <= set(CONFIG), changes
    return SimpleNamespace(**{**CONFIG, **changes})


def parameters(**changes: Any) -> Parameters:
    return resolve_parameters(config(**changes))


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def candle(number: int, close: object, *, high: object = None, low: object = None, first: object = None) -> Candle:
    """Return the candle that opens at minute `number`; it opens at its close and has no range unless told."""
    end = Decimal(str(close))
    begin = end if first is None else Decimal(str(first))
    top = max(begin, end) if high is None else Decimal(str(high))
    bottom = min(begin, end) if low is None else Decimal(str(low))
    return Candle(minute(number), begin, top, bottom, end, Decimal(1))


def code_of(signals: Signals) -> int:
    """Return signals as a series carries them."""
    return (
        LONG_ENTRY * signals.long_entry
        + LONG_EXIT * signals.long_exit
        + SHORT_ENTRY * signals.short_entry
        + SHORT_EXIT * signals.short_exit
    )


@dataclass(frozen=True)
class ScriptState:
    seen: int = 0

    def to_json(self) -> dict[str, Any]:
        return {"seen": self.seen}


class ScriptedStrategy(Strategy):
    """Signals what the test wrote down, by the number of the candle since the start."""

    name = "ema"

    def __init__(self, script: Mapping[int, Signals]) -> None:
        self.script = script

    def slowest_ema(self, parameters: StrategyParameters) -> int:
        return parameters.ema_slow

    def start(self, parameters: StrategyParameters) -> ScriptState:  # noqa: ARG002  the interface's signature
        return ScriptState()

    def run(
        self,
        state: StrategyState,
        parameters: StrategyParameters,  # noqa: ARG002  the interface's signature
        closes: Sequence[float],
    ) -> tuple[ScriptState, Sequence[int]]:
        assert isinstance(state, ScriptState)
        end = state.seen + len(closes)
        return ScriptState(end), [code_of(self.script.get(n, Signals())) for n in range(state.seen, end)]

    def state_from_json(self, data: dict[str, Any]) -> ScriptState:
        return ScriptState(data["seen"])


LONG = Signals(long_entry=True, short_exit=True)
SHORT = Signals(short_entry=True, long_exit=True)
LEAVE_LONG = Signals(long_exit=True)


@dataclass
class Trade:
    """One thing that the desk did."""

    action: str
    at: datetime
    price: Decimal
    quantity: Decimal
    reason: str
    realized_pnl: Decimal | None = None


@dataclass
class Desk:
    """Fills every decision at the price now. `quote` and `base` are the account's own changes."""

    parameters: Parameters
    memory: BotMemory
    fee: Decimal = Decimal("0.001")
    #: Where commissions are taken from: `received` (spot's way) or an asset's name.
    commission_asset: str = "received"
    fills: bool = True
    quote: Decimal = Decimal(0)
    base: Decimal = Decimal(0)
    trades: list[Trade] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @staticmethod
    def of(balance: object = 10_000, **changes: Any) -> Desk:
        chosen = parameters(**changes)
        asset = "USDT" if chosen.is_futures else "received"
        return Desk(chosen, start_memory(chosen, Decimal(str(balance))), commission_asset=asset)

    def tick(
        self, number: int, *candles: Candle, price: object = None, late_seconds: float = 0, at: datetime | None = None
    ) -> Decision:
        """Handle the tick at minute `number`, at which `candles` have newly closed."""
        now = at or minute(number)
        price_now = None if price is None else Decimal(str(price))
        decision = observe(
            self.memory,
            self.parameters,
            RULES,
            candles,
            price_now=price_now,
            tick_at=now,
            market_now=now + timedelta(seconds=late_seconds),
        )
        self.memory = decision.memory
        self.decisions.append(decision)
        if self.fills and price_now is not None:
            self._carry_out(decision, price_now, now)
        return decision

    def _carry_out(self, decision: Decision, price: Decimal, now: datetime) -> None:
        if decision.exit is not None:
            execution = self.execution(price, decision.exit.quantity, now, is_buy=decision.exit.side == "BUY")
            self.memory, realized = apply_exit(self.memory, RULES, execution, commission_prices={"BNB": Decimal(300)})
            self._note(f"exit {decision.exit.side}", execution, price, decision.exit.reason, realized)
        if decision.entry is not None:
            size = size_entry(self.memory, self.parameters, RULES, decision.entry, free_quote=self.memory.balance)
            if isinstance(size, EntrySize):
                self.enter(decision.entry, price, size.quantity, now)
            else:
                self.memory = drop_entry(self.memory)

    def enter(self, entry: EntryDecision, price: Decimal, quantity: Decimal, now: datetime) -> None:
        execution = self.execution(price, quantity, now, is_buy=entry.side == "BUY")
        self.memory = apply_entry(
            self.memory, self.parameters, RULES, entry, execution, commission_prices={"BNB": Decimal(300)}
        )
        self._note(f"enter {entry.side}", execution, price, entry.reason)

    def _note(
        self,
        action: str,
        execution: Execution,
        price: Decimal,
        reason: str | ExitReason,
        realized: Decimal | None = None,
    ) -> None:
        self.trades.append(Trade(action, execution.executed_at, price, execution.quantity, str(reason), realized))

    def execution(self, price: Decimal, quantity: Decimal, now: datetime, *, is_buy: bool) -> Execution:
        """Fill in two parts and change the account by exactly what the fills say."""
        first = (quantity / 3).quantize(RULES.step_size)
        parts = [part for part in (first, quantity - first) if part > 0]
        return Execution.from_fills(self._fill(price, part, now, is_buy=is_buy) for part in parts)

    def _fill(self, price: Decimal, quantity: Decimal, now: datetime, *, is_buy: bool) -> Fill:
        with localcontext(prec=60):
            sign = 1 if is_buy else -1
            quote = price * quantity
            asset = self.commission_asset
            if asset == "received":
                asset = "BTC" if is_buy else "USDT"
            charged_on = {"BTC": quantity, "USDT": quote, "BNB": quote / 300}[asset]
            commission = (charged_on * self.fee).quantize(Decimal("1e-8"), ROUND_UP)
            if self.parameters.is_futures:
                self.base += sign * quantity
                held = self.memory.position
                if held is not None and sign != held.side.sign:
                    # The exchange realises against its own average entry.
                    self.quote += held.side.sign * (quote - held.entry_quote / held.entry_quantity * quantity)
            else:
                self.base += sign * quantity - (commission if asset == "BTC" else 0)
                self.quote -= sign * quote
            self.quote -= commission if asset == "USDT" else 0
        return Fill("1", price, quantity, quote, commission, asset, now)


def held(desk: Desk, side: PositionSide = PositionSide.LONG, price: object = 20_000, number: int = 0) -> Desk:
    """Return the desk with a position that was entered by the tick at minute `number`."""
    desk.tick(number)
    entry = EntryDecision(
        decision_key=f"ema:{number}:enter_{side.lower()}",
        side=side.entry_side,
        position_side=side,
        close_at=minute(number),
        close=Decimal(str(price)),
    )
    desk.enter(entry, Decimal(str(price)), Decimal("0.05"), minute(number))
    return desk
