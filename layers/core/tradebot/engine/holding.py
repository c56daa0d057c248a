"""An open position as the integers that every candle is held against. The books stay in `BotMemory`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradebot.domain.order import ExitReason
from tradebot.domain.position import PositionSide, tighter_stop
from tradebot.engine.candles import from_ms, to_ms
from tradebot.engine.levels import liquidation_ticks, stop_ticks

if TYPE_CHECKING:
    from tradebot.domain.position import Position
    from tradebot.engine.backtest_setup import BacktestSetup, Units


@dataclass(slots=True)
class Holding:
    """Prices in price units. Every level is a multiple of the tick."""

    side: PositionSide
    is_long: bool
    entry: int
    #: Money units per price unit: what a price change is worth, for the quantity that can be sold.
    worth: int
    stop_loss: int
    trailing: int | None
    trailing_ppm: int
    take_profit: int
    extreme: int
    #: None on spot.
    liquidation: int | None
    tick: int
    #: Open of the candle that drew the trailing stop past the stop loss; None where none did since the entry.
    trailing_since_ms: int | None = None
    #: The tighter stop and its name.
    stop: int = 0
    stop_reason: ExitReason = ExitReason.STOP_LOSS

    def __post_init__(self) -> None:
        """Know the effective stop."""
        self.stop, self.stop_reason = tighter_stop(self.side, self.stop_loss, self.trailing)

    @staticmethod
    def of(position: Position, setup: BacktestSetup, units: Units) -> Holding:
        """Return the integers of a position that one fill opened."""
        lots = units.quantity_units(setup.rules.floor_quantity(position.quantity))
        worth, rest = divmod(lots * 10 ** (units.money_decimals - units.price_decimals), 10**units.quantity_decimals)
        assert rest == 0
        trailing = position.trailing_stop_price
        return Holding(
            side=position.side,
            is_long=position.side is PositionSide.LONG,
            entry=units.price_units(position.entry_price),
            worth=worth * position.side.sign,
            stop_loss=units.price_units(position.stop_loss_price),
            trailing=None if trailing is None else units.price_units(trailing),
            trailing_ppm=setup.parameters.trailing_stop_ppm or 0,
            take_profit=units.price_units(position.take_profit_price),
            extreme=units.price_units(position.extreme_price),
            liquidation=_liquidation(position, setup, units),
            tick=units.tick,
            trailing_since_ms=None if position.trailing_since is None else to_ms(position.trailing_since),
        )

    def written_to(self, position: Position, units: Units) -> Position:
        """Return the position with what candles have moved: the extreme and the trailing stop."""
        trailing = None if self.trailing is None else units.price(self.trailing)
        since = None if self.trailing_since_ms is None else from_ms(self.trailing_since_ms)
        return replace(
            position, extreme_price=units.price(self.extreme), trailing_stop_price=trailing, trailing_since=since
        )

    def passed_at_open(self, price: int, last_open_ms: int) -> ExitReason | None:
        """As `passed_at`, for the open after the candle of `last_open_ms`: the stop of before that candle rests there.

        So a stop loss that the candle has just drawn the trailing stop past gives its name to an open beyond both.
        """
        reason = self.passed_at(price)
        if reason is not ExitReason.TRAILING_STOP or self.trailing_since_ms != last_open_ms:
            return reason
        is_loss = price <= self.stop_loss if self.is_long else price >= self.stop_loss
        return ExitReason.STOP_LOSS if is_loss else reason

    def passed_at(self, price: int) -> ExitReason | None:
        """Return what a price ends the position by: liquidation, stop, take profit, in this order."""
        if self.is_long:
            if self.liquidation is not None and price <= self.liquidation:
                return ExitReason.LIQUIDATION
            if price <= self.stop:
                return self.stop_reason
            return ExitReason.TAKE_PROFIT if price >= self.take_profit else None
        if self.liquidation is not None and price >= self.liquidation:
            return ExitReason.LIQUIDATION
        if price >= self.stop:
            return self.stop_reason
        return ExitReason.TAKE_PROFIT if price <= self.take_profit else None

    def touched_in(self, high: int, low: int) -> ExitReason | None:
        """Return what a range ends the position by: of stop and liquidation the nearer, then the take profit."""
        against, favour, sign = (low, high, 1) if self.is_long else (high, low, -1)
        liquidation = self.liquidation
        if liquidation is not None and sign * (liquidation - self.stop) > 0:
            if sign * (against - liquidation) <= 0:
                return ExitReason.LIQUIDATION
        elif sign * (against - self.stop) <= 0:
            return self.stop_reason
        return ExitReason.TAKE_PROFIT if sign * (favour - self.take_profit) >= 0 else None

    def see(self, high: int, low: int, open_ms: int) -> None:
        """Let the range of the candle of `open_ms` move the extreme and with it the trailing stop, never back."""
        extreme = high if self.is_long else low
        if extreme <= self.extreme if self.is_long else extreme >= self.extreme:
            return
        self.extreme = extreme
        if self.trailing is None:
            return
        moved = stop_ticks(self.side, extreme, self.trailing_ppm, self.tick) * self.tick
        if moved > self.trailing if self.is_long else moved < self.trailing:
            self.trailing = moved
            before = self.stop_reason
            self.stop, self.stop_reason = tighter_stop(self.side, self.stop_loss, moved)
            if self.stop_reason is not before:
                self.trailing_since_ms = open_ms


def _liquidation(position: Position, setup: BacktestSetup, units: Units) -> int | None:
    parameters = setup.parameters
    if not parameters.is_futures:
        return None
    ticks = liquidation_ticks(
        position.side,
        entry_quote=position.cost,
        quantity=position.quantity,
        funding=position.funding,
        leverage=parameters.leverage,
        maintenance_ppm=setup.bracket.maintenance_ppm,
        maintenance_amount=setup.bracket.maintenance_amount,
        tick_size=setup.rules.tick_size,
    )
    return ticks * units.tick
