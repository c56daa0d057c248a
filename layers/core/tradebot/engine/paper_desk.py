"""The exchange's side of a backtest: what an order of ours would have filled at, and what it would have cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.money import fee_against_us, part_of, times
from tradebot.domain.order import Execution, ExitReason, Side
from tradebot.engine.levels import market_fill_ticks

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from tradebot.engine.backtest_setup import BacktestSetup, Units
    from tradebot.engine.holding import Holding


def market_fill(setup: BacktestSetup, units: Units, side: Side, price: int) -> int:
    """Return the fill of a market order or a triggered stop where the market stands at `price`, in price units."""
    return market_fill_ticks(side, price, setup.parameters.fees.slippage_ppm, units.tick) * units.tick


def exit_fill(setup: BacktestSetup, units: Units, holding: Holding, reason: ExitReason, at_open: int | None) -> int:
    """Return what a level pays that the open (`at_open`) has passed, or that the range touched (None).

    A take profit is a resting limit: its own price, never better. A liquidation happens at its own price too. A stop
    sells at the market: at the open where that lies at it or beyond, else at the stop.
    """
    if reason is ExitReason.TAKE_PROFIT:
        return holding.take_profit
    if reason is ExitReason.LIQUIDATION:
        assert holding.liquidation is not None
        return holding.liquidation
    return market_fill(setup, units, holding.side.exit_side, holding.stop if at_open is None else at_open)


def simulated_execution(
    setup: BacktestSetup, side: Side, quantity: Decimal, price: Decimal, at: datetime, *, is_maker: bool = False
) -> Execution:
    """Return the execution of a whole order at one price. A spot purchase pays its commission in base."""
    fees = setup.parameters.fees
    rate = fees.maker_ppm if is_maker else fees.taker_ppm
    quote = times(quantity, price)
    if side is Side.BUY and not setup.parameters.is_futures:
        commission = (setup.rules.base_asset, fee_against_us(part_of(quantity, rate)))
    else:
        commission = (setup.rules.quote_asset, fee_against_us(part_of(quote, rate)))
    return Execution(quantity, quote, (commission,), at)
