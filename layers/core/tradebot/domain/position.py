"""An open position as a value: what is held, what it cost, and the levels at which it is left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from tradebot.domain.money import ZERO, display_price, ratio
from tradebot.domain.order import ExitReason, Side

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal
    from fractions import Fraction


class PositionSide(StrEnum):
    """Long gains when the price rises, short when it falls."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        """+1 or -1, the `side` of the PnL formula."""
        return 1 if self is PositionSide.LONG else -1

    @property
    def entry_side(self) -> Side:
        """The order side that opens it."""
        return Side.BUY if self is PositionSide.LONG else Side.SELL

    @property
    def exit_side(self) -> Side:
        """The order side that closes it."""
        return Side.SELL if self is PositionSide.LONG else Side.BUY

    @property
    def opposite(self) -> PositionSide:
        """The other side."""
        return PositionSide.SHORT if self is PositionSide.LONG else PositionSide.LONG


_Price = TypeVar("_Price", int, "Decimal")


def tighter_stop(side: PositionSide, stop_loss: _Price, trailing: _Price | None) -> tuple[_Price, ExitReason]:
    """Return the stop nearer to the price and its name; where both stand on one tick it is the stop loss."""
    if trailing is not None and side.sign * (trailing - stop_loss) > 0:
        return trailing, ExitReason.TRAILING_STOP
    return stop_loss, ExitReason.STOP_LOSS


@dataclass(frozen=True, slots=True)
class Position:
    """Every amount that has to add up is an exact sum of fills; the entry price is their ratio."""

    side: PositionSide
    #: Decision that opened it.
    entry_key: str
    #: Close time of the candle that decided it.
    entry_close_at: datetime
    #: When its first fill was executed, in market time.
    opened_at: datetime
    #: Spot: the base is owned and was paid for. Futures: a contract that the margin backs.
    is_owned: bool
    #: Base held now. On spot this is owned: earlier dust + bought - commission in base.
    quantity: Decimal
    #: Book value of `quantity` in quote: what went in and has not come out again.
    cost: Decimal
    #: Sums of the entry's fills, base and quote.
    entry_quantity: Decimal
    entry_quote: Decimal
    #: The entry's fees in quote that no exit has borne yet.
    entry_fee: Decimal
    #: Levels on the tick grid.
    stop_loss_price: Decimal
    take_profit_price: Decimal
    trailing_stop_price: Decimal | None
    #: Extreme since the entry: the fill, then highs (a short: lows). `max_price_since_entry` of the state row.
    extreme_price: Decimal
    #: Futures: settled so far and borne by no exit yet; below zero where it was paid.
    funding: Decimal = ZERO
    #: Open of the candle that drew the trailing stop past the stop loss; None where none did since the entry.
    trailing_since: datetime | None = None

    @property
    def price(self) -> Fraction:
        """Average entry price, exactly."""
        return ratio(self.entry_quote, self.entry_quantity)

    @property
    def entry_price(self) -> Decimal:
        """Average entry price cut to twelve decimals, for columns and screens."""
        return display_price(self.price)

    @property
    def stop(self) -> tuple[Decimal, ExitReason]:
        """The tighter stop and its name; where both stand on one tick it is the stop loss."""
        return tighter_stop(self.side, self.stop_loss_price, self.trailing_stop_price)

    def level_reached_at_open(self, price: Decimal, last_open_at: datetime | None) -> ExitReason | None:
        """As `level_reached`, for the open after the candle of `last_open_at`, which a stop that rests meets first.

        What rests there is the stop of before that candle: a stop loss that the candle has just drawn the trailing stop
        past gives its name to an open beyond both.
        """
        reason = self.level_reached(price)
        if reason is ExitReason.TRAILING_STOP and self.trailing_since is not None:
            is_loss = self.side.sign * (price - self.stop_loss_price) <= 0
            return ExitReason.STOP_LOSS if is_loss and self.trailing_since == last_open_at else reason
        return reason

    def level_reached(self, price: Decimal) -> ExitReason | None:
        """Return why `price` ends the position, the stop before the take profit, or None where it does not."""
        stop_price, stop_reason = self.stop
        if self.side is PositionSide.LONG:
            if price <= stop_price:
                return stop_reason
            return ExitReason.TAKE_PROFIT if price >= self.take_profit_price else None
        if price >= stop_price:
            return stop_reason
        return ExitReason.TAKE_PROFIT if price <= self.take_profit_price else None
