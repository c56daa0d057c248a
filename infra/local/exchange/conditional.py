"""Records of orders that hang together or wait: spot order lists and futures algo orders."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal  # noqa: TC003 - part of the dataclasses

from infra.local.exchange.records import NEW, SELL, Record


@dataclass(slots=True)
class OrderList(Record):
    """One-cancels-the-other: two spot orders, of which one can trade."""

    list_id: int
    api_key: str
    symbol: str
    client_list_id: str
    first_order_id: int
    second_order_id: int
    created_ms: int
    updated_ms: int

    @property
    def order_ids(self) -> tuple[int, int]:
        """Return the ids of its legs."""
        return self.first_order_id, self.second_order_id


@dataclass(slots=True)
class AlgoOrder(Record):
    """A futures order that waits outside the book until its trigger price trades, then becomes a market order."""

    algo_id: int
    api_key: str
    client_algo_id: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    quantity: Decimal
    trigger_price: Decimal
    reduce_only: bool
    close_position: bool
    working_type: str
    created_ms: int
    updated_ms: int
    status: str = NEW
    triggered_ms: int = 0
    order_id: int = 0  # of the market order that it became

    @property
    def is_open(self) -> bool:
        """Say whether it still waits."""
        return self.status == NEW

    @property
    def is_stop(self) -> bool:
        """Say whether it triggers as the price moves against the position that it would close."""
        return self.type == "STOP_MARKET"

    @property
    def triggers_below(self) -> bool:
        """Say whether it triggers at its price and below, as against at its price and above."""
        return triggers_below(self.type, self.side)


def triggers_below(type_: str, side: str) -> bool:
    """Say whether an algo order of this kind triggers at its price and below."""
    return (type_ == "STOP_MARKET") == (side == SELL)
