"""What a tick asks of an exchange, and what it gets back: exact decimals, aware times, errors of `tradebot.errors`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.domain.order import Fill, OrderRequest, OrderStatus, Side
    from tradebot.domain.symbol import SymbolRules


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the exchange knows it. `fills` is None where the answer did not carry them."""

    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    status: OrderStatus
    executed_quantity: Decimal
    quote_quantity: Decimal
    updated_at: datetime
    fills: tuple[Fill, ...] | None = None

    @property
    def average_price(self) -> Decimal | None:
        """Quote paid per unit executed; None where nothing was executed."""
        return self.quote_quantity / self.executed_quantity if self.executed_quantity else None


@dataclass(frozen=True, slots=True)
class KeyReport:
    """What the exchange says of an API key."""

    can_read: bool
    can_trade: bool
    can_withdraw: bool
    is_ip_restricted: bool


class MarketData(Protocol):
    """What anybody may read of one market (spot or futures) of one environment."""

    def symbol_rules(self, symbol: str) -> SymbolRules:
        """Return the symbol's filters, kept for an hour."""
        ...

    def candles(self, symbol: str, timeframe: str, start_at: datetime, end_at: datetime) -> Sequence[Candle]:
        """Return the candles that open in [start_at, end_at), oldest first, over as many pages as it takes."""
        ...

    def first_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        """Return when the first candle that there is opened; None where there is none."""
        ...

    def newest_candle_at(self, symbol: str, timeframe: str) -> datetime | None:
        """Return when the newest candle opened, which has not closed yet; None where there is none."""
        ...

    def price(self, symbol: str) -> Decimal:
        """Return the price of the last trade."""
        ...


class Account(Protocol):
    """One account on one market. Not for use by two threads at once."""

    def synchronise_clock(self, *, force: bool = False) -> None:
        """Measure the exchange's clock unless that was done in the last minute; refuse an offset above 30 s."""
        ...

    def wire_now_ms(self) -> int:
        """Return the exchange's time in ms, for signatures and quiet times."""
        ...

    def free_balances(self) -> Mapping[str, Decimal]:
        """Return what can be spent now, by asset; an asset that is not named is zero."""
        ...

    def prepare_symbol(self, symbol: str, leverage: int) -> None:
        """Set isolated margin and leverage before the first entry, and refuse a position that is not ours."""
        ...

    def send_order(self, request: OrderRequest, signed_at_ms: int) -> VenueOrder:
        """Send a market order once. ExchangeUnavailableError means UNKNOWN: it may have been executed.

        `signed_at_ms` is wire time taken BEFORE the commit that proved the lease: a worker that froze since is refused.
        """
        ...

    def find_order(self, symbol: str, client_order_id: str) -> VenueOrder:
        """Query an order by its client id; OrderAbsentError where the exchange does not show it (yet)."""
        ...

    def find_listed_order(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """Look for an order among the symbol's latest 500."""
        ...

    def order_fills(self, symbol: str, order_id: int) -> tuple[Fill, ...]:
        """Return the executions of one order."""
        ...


class ExchangeClient(MarketData, Account, Protocol):
    """Both."""


class KeyChecker(Protocol):
    """One account, asked what its key may do."""

    def synchronise_clock(self, *, force: bool = False) -> None:
        """See Account."""
        ...

    def key_report(self) -> KeyReport:
        """Return what the key may do, by one signed read."""
        ...
