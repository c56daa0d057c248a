"""What the exchange shows of one symbol of one account: resting orders, and the position or the free coins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradebot.exchange.protocol import Account, VenueOrder, VenuePosition, VenueStop


@dataclass(frozen=True, slots=True)
class ExchangeView:
    """By client id. `position` is futures', `free` is spot's; None where only the orders were asked for."""

    orders: Mapping[str, VenueOrder]
    stops: Mapping[str, VenueStop] = field(default_factory=dict)
    position: VenuePosition | None = None
    free: Mapping[str, Decimal] | None = None

    @property
    def shows_holdings(self) -> bool:
        """Whether it can be held against the books."""
        return self.position is not None or self.free is not None


def view_exchange(account: Account, symbol: str, *, is_futures: bool, in_full: bool) -> ExchangeView:
    """Read it. The holdings come first: what executes between the requests is then missing from the orders.

    On spot they cost more than all else of a tick (20 of weight), and are asked for only `in_full`.
    """
    account.synchronise_clock()
    if is_futures:
        position = account.position(symbol)
        stops = {stop.client_algo_id: stop for stop in account.open_stops(symbol)}
        orders = {order.client_order_id: order for order in account.open_orders(symbol)}
        return ExchangeView(orders, stops, position)
    free = account.free_balances() if in_full else None
    return ExchangeView({order.client_order_id: order for order in account.open_orders(symbol)}, free=free)
