"""A backtest's state to the kernel's block and back, without a loss."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

from tradebot.domain.order import ExitReason
from tradebot.domain.order_id import decision_key
from tradebot.domain.position import Position, PositionSide
from tradebot.engine.backtest_output import REASONS
from tradebot.engine.backtest_state import BacktestState, Tally
from tradebot.engine.candles import EPOCH, from_ms, to_ms
from tradebot.engine.kernel.blocks import NONE, Ema, PositionBlock, StateBlock
from tradebot.engine.kernel.setup_block import UnfitError, fill, strategy_settings
from tradebot.engine.memory import PendingEntry, PendingExit
from tradebot.strategy import indicators as plain
from tradebot.strategy.ema import EmaState
from tradebot.strategy.simple import SimpleState

if TYPE_CHECKING:
    from tradebot.engine.backtest_setup import BacktestSetup, Units
    from tradebot.engine.memory import BotMemory
    from tradebot.strategy.interface import StrategyState

_EPOCH_DAY: Final = EPOCH.toordinal()
_REASON_NUMBER: Final = {reason: number for number, reason in enumerate(REASONS)}
_SIDES: Final = {1: PositionSide.LONG, -1: PositionSide.SHORT}
_COUNTS: Final = (
    "candles",
    "candles_in_position",
    "entry_signals",
    "entries",
    "round_trips",
    "wins",
    "losses",
    "funding_assumed",
    "funding_known",
)
_SUMS: Final = ("gross_profit", "gross_loss", "fees", "funding")


# ---- To the kernel ----


def state_block(setup: BacktestSetup, state: BacktestState, units: Units) -> StateBlock:
    """Return the block, or raise UnfitError (InvalidInputError where an amount is finer than its unit)."""
    block, memory, tally = StateBlock(), state.memory, state.tally
    if memory.fees_elsewhere or memory.strategy != setup.parameters.strategy:
        raise UnfitError("memory")
    strategy_settings(setup, block.indicators)
    _indicators_to(block, memory.indicators)
    fill(block, _memory_values(memory, units))
    block.warm_up_left = state.warm_up_left
    if memory.position is not None:
        _position_to(block.position, memory.position, units, is_futures=setup.parameters.is_futures)
    fill(block.tally, {name: getattr(tally, name) for name in _COUNTS})
    fill(block.tally, {name: units.money_units(getattr(tally, name)) for name in _SUMS})
    if tally.first_open is not None:
        fill(block.tally, {"has_first_open": 1, "first_open": units.price_units(tally.first_open)})
    return block


def _indicators_to(block: StateBlock, state: StrategyState) -> None:
    into = block.indicators
    match state:
        case EmaState(fast, slow, rsi):
            _ema_to(into.slow, slow)
        case SimpleState(fast, rsi):
            pass
        case _:
            raise UnfitError("indicators")
    _ema_to(into.fast, fast)
    fill(into.rsi, {"period": rsi.period, "count": rsi.count, "has_previous": int(rsi.previous is not None)})
    into.rsi.previous, into.rsi.gain, into.rsi.loss = rsi.previous or 0.0, rsi.gain, rsi.loss


def _ema_to(block: Ema, ema: plain.Ema) -> None:
    fill(block, {"period": ema.period, "count": ema.count, "has_value": int(ema.value is not None)})
    block.total, block.value = ema.total, 0.0 if ema.value is None else ema.value


def _memory_values(memory: BotMemory, units: Units) -> dict[str, int]:
    values = {
        "gaps": memory.gaps,
        "balance": units.money_units(memory.balance),
        "dust": units.quantity_units(memory.dust),
        "dust_cost": units.money_units(memory.dust_cost),
        "daily_pnl": units.money_units(memory.daily_pnl),
        "trades_today": memory.trades_today,
        "day_latch": _REASON_NUMBER[memory.day_latch] if memory.day_latch else 0,
    }
    if memory.last_open_at is not None and memory.last_close_at is not None and memory.last_close is not None:
        values["has_last"] = 1
        values["last_open_ms"] = to_ms(memory.last_open_at)
        values["last_close_ms"] = to_ms(memory.last_close_at)
        values["last_close"] = units.price_units(memory.last_close)
    if memory.day is not None and memory.day_base_equity is not None:
        values["has_day"] = 1
        values["day"] = memory.day.toordinal() - _EPOCH_DAY
        values["day_base"] = units.money_units(memory.day_base_equity)
    if (leaving := memory.pending_exit) is not None:
        values["exit_reason"] = _REASON_NUMBER[leaving.reason]
        values["exit_close_ms"], values["exit_close"] = to_ms(leaving.close_at), units.price_units(leaving.close)
    if (entering := memory.pending_entry) is not None:
        values["entry_side"] = entering.side.sign
        values["entry_close_ms"], values["entry_close"] = to_ms(entering.close_at), units.price_units(entering.close)
    return values


def _position_to(block: PositionBlock, position: Position, units: Units, *, is_futures: bool) -> None:
    price = units.price_units(position.entry_price)
    if position.is_owned is is_futures or position.price != units.price(price):
        raise UnfitError("position")
    values = {
        "side": position.side.sign,
        "entry_close_ms": to_ms(position.entry_close_at),
        "opened_ms": to_ms(position.opened_at),
        "quantity": units.quantity_units(position.quantity),
        "entry_quantity": units.quantity_units(position.entry_quantity),
        "price": price,
        "stop_loss": units.price_units(position.stop_loss_price),
        "take_profit": units.price_units(position.take_profit_price),
        "has_trailing": int(position.trailing_stop_price is not None),
        "trailing_since_ms": NONE if position.trailing_since is None else to_ms(position.trailing_since),
        "extreme": units.price_units(position.extreme_price),
    }
    if position.trailing_stop_price is not None:
        values["trailing"] = units.price_units(position.trailing_stop_price)
    for name in ("cost", "entry_quote", "entry_fee", "funding"):
        values[name] = units.money_units(getattr(position, name))
    fill(block, values)


# ---- And back ----


def state_of(block: StateBlock, setup: BacktestSetup, before: BacktestState, units: Units) -> BacktestState:
    """Return the state after the run that began at `before`."""
    has_last, has_day = bool(block.has_last), bool(block.has_day)
    memory = replace(
        before.memory,
        indicators=_indicators_of(block, before.memory.indicators),
        last_open_at=from_ms(block.last_open_ms) if has_last else None,
        last_close_at=from_ms(block.last_close_ms) if has_last else None,
        last_close=units.price(block.last_close) if has_last else None,
        gaps=block.gaps,
        balance=units.money(block.balance),
        position=_position_of(block.position, setup, before.memory.position, units) if block.position.side else None,
        dust=units.quantity(block.dust),
        dust_cost=units.money(block.dust_cost),
        day=date.fromordinal(block.day + _EPOCH_DAY) if has_day else None,
        day_base_equity=units.money(block.day_base) if has_day else None,
        daily_pnl=units.money(block.daily_pnl),
        trades_today=block.trades_today,
        day_latch=ExitReason(REASONS[block.day_latch]) if block.day_latch else None,
        pending_exit=PendingExit(
            ExitReason(REASONS[block.exit_reason]), from_ms(block.exit_close_ms), units.price(block.exit_close)
        )
        if block.exit_reason
        else None,
        pending_entry=PendingEntry(
            _SIDES[block.entry_side], from_ms(block.entry_close_ms), units.price(block.entry_close)
        )
        if block.entry_side
        else None,
    )
    return BacktestState(memory, block.warm_up_left, _tally_of(block, units))


def _indicators_of(block: StateBlock, before: StrategyState) -> StrategyState:
    now = block.indicators
    rsi = plain.Rsi(
        now.rsi.period,
        now.rsi.count,
        now.rsi.previous if now.rsi.has_previous else None,
        now.rsi.gain,
        now.rsi.loss,
    )
    if isinstance(before, EmaState):
        return EmaState(_ema_of(now.fast), _ema_of(now.slow), rsi)
    return SimpleState(_ema_of(now.fast), rsi)


def _ema_of(block: Ema) -> plain.Ema:
    return plain.Ema(block.period, block.count, block.total, block.value if block.has_value else None)


def _position_of(block: PositionBlock, setup: BacktestSetup, before: Position | None, units: Units) -> Position:
    side = _SIDES[block.side]
    opened_at, decided_at = from_ms(block.opened_ms), from_ms(block.entry_close_ms)
    is_the_same = before is not None and (before.opened_at, before.entry_close_at) == (opened_at, decided_at)
    return Position(
        side=side,
        entry_key=before.entry_key
        if before is not None and is_the_same
        else decision_key(setup.parameters.strategy, decided_at, f"enter_{side.lower()}"),
        entry_close_at=decided_at,
        opened_at=opened_at,
        is_owned=not setup.parameters.is_futures,
        quantity=units.quantity(block.quantity),
        cost=units.money(block.cost),
        entry_quantity=units.quantity(block.entry_quantity),
        entry_quote=units.money(block.entry_quote),
        entry_fee=units.money(block.entry_fee),
        stop_loss_price=units.price(block.stop_loss),
        take_profit_price=units.price(block.take_profit),
        trailing_stop_price=units.price(block.trailing) if block.has_trailing else None,
        extreme_price=units.price(block.extreme),
        funding=units.money(block.funding),
        trailing_since=None if block.trailing_since_ms == NONE else from_ms(block.trailing_since_ms),
    )


def _tally_of(block: StateBlock, units: Units) -> Tally:
    tally = Tally(**{name: getattr(block.tally, name) for name in _COUNTS})
    for name in _SUMS:
        setattr(tally, name, units.money(getattr(block.tally, name)))
    if block.tally.has_first_open:
        tally.first_open = units.price(block.tally.first_open)
    return tally
