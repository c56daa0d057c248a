"""Orders, stops, positions and payments as an exchange knows them: values without behaviour.

All but the order are named tuples: a dataclass takes ten times as long to make, at every cold start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.order import Fill, OrderStatus, Side


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
    quantity: Decimal
    #: As the exchange names it: an order of somebody else's may be of any type.
    type: str
    price: Decimal | None = None
    stop_price: Decimal | None = None
    reduce_only: bool = False
    fills: tuple[Fill, ...] | None = None

    @property
    def average_price(self) -> Decimal | None:
        """Quote paid per unit executed; None where nothing was executed."""
        return self.quote_quantity / self.executed_quantity if self.executed_quantity else None


class VenueOrderList(NamedTuple):
    """A spot order list. Its orders come without fills."""

    list_id: int
    list_client_order_id: str
    symbol: str
    #: Whether its orders still rest; afterwards one has executed, or all are cancelled or refused.
    is_live: bool
    orders: tuple[VenueOrder, ...]


class StopStatus(StrEnum):
    """What has become of a futures stop."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    #: Its market order is in the matching engine.
    TRIGGERED = "TRIGGERED"
    #: Its market order has ended, filled or not.
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    #: Touched, and then refused by the matching engine: the position is open and has no stop.
    REJECTED = "REJECTED"

    @property
    def is_waiting(self) -> bool:
        """Whether the stop still rests, so that it protects and can be cancelled."""
        return self is StopStatus.NEW


class VenueStop(NamedTuple):
    """A futures stop on the algo endpoint."""

    algo_id: int
    client_algo_id: str
    symbol: str
    side: Side
    status: StopStatus
    quantity: Decimal
    stop_price: Decimal
    #: The market order that it became.
    order_id: int | None = None


class VenuePosition(NamedTuple):
    """A futures position in one-way mode."""

    symbol: str
    #: Above zero: long.
    quantity: Decimal
    entry_price: Decimal
    leverage: int
    #: What an isolated position holds of its own, in quote.
    margin: Decimal
    liquidation_price: Decimal | None = None


class FuturesStanding(NamedTuple):
    """What an entry on futures depends on."""

    #: What new positions may use, by asset.
    free: Mapping[str, Decimal]
    #: What the account holds of the symbol; above zero: long.
    quantity: Decimal
    leverage: int
    is_isolated: bool
    #: The largest position that the exchange allows at this leverage, in quote.
    notional_cap: Decimal


class FundingPayment(NamedTuple):
    """What one funding stamp took (below zero) or gave."""

    transaction_id: str
    symbol: str
    amount: Decimal
    asset: str
    paid_at: datetime


class FundingSettlement(NamedTuple):
    """What a perpetual settled at one stamp; a positive rate made longs pay."""

    settled_at: datetime
    rate: Decimal
    #: Older history has none.
    mark_price: Decimal | None


class Transfer(NamedTuple):
    """One movement from spot to futures."""

    transaction_id: str
    asset: str
    amount: Decimal
    #: As the exchange names it: PENDING, CONFIRMED or FAILED.
    status: str
    made_at: datetime


class KeyReport(NamedTuple):
    """What the exchange says of an API key; None where it does not say."""

    can_read: bool
    can_trade_spot: bool
    can_trade_futures: bool
    can_withdraw: bool
    can_transfer: bool
    #: To and from sub-accounts of the same owner.
    can_transfer_to_subaccounts: bool
    is_ip_restricted: bool | None
    #: When trading ends; the exchange sets it for keys without an IP list.
    expires_at: datetime | None = None

    @property
    def can_trade(self) -> bool:
        """Whether the key may trade on either market."""
        return self.can_trade_spot or self.can_trade_futures
