"""What an account paid, got and holds, from the trades as the exchange made them: fractions, apart from the books."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from tradebot.domain.order import Fill, OrderStatus

if TYPE_CHECKING:
    from tradebot.domain.position import PositionSide
    from tradebot.repositories.orders import LiveOrder

BNB_PRICE = Decimal("311.07")


@dataclass
class Oracle:
    """What the account has paid, got and holds for the bot, from the trades as the exchange made them. Fractions."""

    is_futures: bool
    base: Fraction = Fraction(0)
    quote: Fraction = Fraction(0)
    seen: set[str] = field(default_factory=set)
    #: Of the round trip under way.
    entry_quantity: Fraction = Fraction(0)
    entry_quote: Fraction = Fraction(0)
    sold: Fraction = Fraction(0)
    sold_quote: Fraction = Fraction(0)
    fees: Fraction = Fraction(0)
    funding: Fraction = Fraction(0)
    parts: int = 0

    def take(self, fills: list[Fill], *, is_entry: bool, sign: int) -> None:
        """Book trades that are shown for the first time. `sign`: +1 for a purchase."""
        quantity = sum((Fraction(fill.quantity) for fill in fills), Fraction(0))
        quote = sum((Fraction(fill.quote_quantity) for fill in fills), Fraction(0))
        self.seen |= {fill.trade_id for fill in fills}
        self.base += sign * quantity
        paid: dict[str, Fraction] = {}
        for fill in fills:
            paid[fill.commission_asset] = paid.get(fill.commission_asset, Fraction(0)) + Fraction(fill.commission)
        in_base, in_quote = paid.get("BTC", Fraction(0)), paid.get("USDT", Fraction(0))
        self.base -= in_base
        self.quote -= in_quote
        if not self.is_futures:
            self.quote -= sign * quote
        self.fees += (
            in_quote + _up(in_base * quote / quantity) + _up(paid.get("BNB", Fraction(0)) * Fraction(BNB_PRICE))
        )
        if is_entry:
            self.entry_quantity += quantity
            self.entry_quote += quote
        else:
            self.sold += quantity
            self.sold_quote += quote
            self.parts += 1

    def pnl(self, side: PositionSide) -> Fraction:
        """Return what the round trip has brought, net of fees and funding."""
        gross = self.sold_quote - self.sold * self.entry_quote / self.entry_quantity
        return side.sign * gross - self.fees + self.funding

    def close(self, side: PositionSide) -> None:
        """Begin the next round trip."""
        if self.is_futures:
            self.quote += side.sign * (self.sold_quote - self.entry_quote) + self.funding
        self.entry_quantity = self.entry_quote = self.sold = self.sold_quote = self.fees = self.funding = Fraction(0)
        self.parts = 0


@dataclass
class AtExchange:
    """An order there."""

    order: LiveOrder
    fills: list[Fill] = field(default_factory=list)
    status: OrderStatus = OrderStatus.NEW

    @property
    def executed(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), Decimal(0))


def _up(value: Fraction) -> Fraction:
    """Round up to eight decimals."""
    return Fraction(-(-value.numerator * 10**8 // value.denominator), 10**8)
