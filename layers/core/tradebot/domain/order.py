"""Orders: their enumerations, the table of status moves, fills and what fills add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tradebot.domain.money import ZERO, display_price, exact, ratio
from tradebot.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal
    from fractions import Fraction


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The order types that the product sends."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    #: Spot: a market order once `stop_price` has traded; the stop of an order list, or alone.
    STOP_LOSS = "STOP_LOSS"
    #: Spot: the take profit of an order list.
    LIMIT_MAKER = "LIMIT_MAKER"
    #: Futures: a market order once `stop_price` has traded, on the algo endpoint.
    STOP_MARKET = "STOP_MARKET"


class Leg(StrEnum):
    """Which part of a round trip an order is: two are sent to trade now, two rest at the exchange to protect."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"

    @property
    def is_protection(self) -> bool:
        """Whether the order rests beside a position."""
        return self in {Leg.STOP, Leg.TAKE_PROFIT}

    @property
    def label(self) -> str:
        """The leg in words."""
        return self.value.replace("_", " ")


#: `orders.reason` of every entry; exits carry an ExitReason.
ENTRY_REASON: Final = "entry_signal"


class ExitReason(StrEnum):
    """Why a position was left."""

    EXIT_SIGNAL = "exit_signal"
    STOP_LOSS = "stop_loss"
    TRAILING_STOP = "trailing_stop"
    TAKE_PROFIT = "take_profit"
    LIQUIDATION = "liquidation"
    DAILY_LOSS = "daily_loss"
    DAILY_TARGET = "daily_target"
    MANUAL = "manual"

    @property
    def is_stop(self) -> bool:
        """Whether a stop below (a short: above) the entry was hit."""
        return self in {ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP}

    @property
    def is_level(self) -> bool:
        """Whether the price reached a level, as against an exit that somebody decided."""
        return self.is_stop or self in {ExitReason.TAKE_PROFIT, ExitReason.LIQUIDATION}


class OrderStatus(StrEnum):
    """As Binance writes them, plus our own SENDING, UNKNOWN (the answer did not say) and ABSENT (proved not there)."""

    SENDING = "SENDING"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    ABSENT = "ABSENT"

    @property
    def is_terminal(self) -> bool:
        """Whether the order can never change again."""
        return not TRANSITIONS[self]

    @property
    def is_live(self) -> bool:
        """Whether the order may still execute, so that its decision must not send another one."""
        return not self.is_terminal

    @property
    def is_in_doubt(self) -> bool:
        """Whether the exchange has to be asked: it blocks entries, never exits that only reduce."""
        return self in {OrderStatus.SENDING, OrderStatus.UNKNOWN}

    def may_become(self, new: OrderStatus) -> bool:
        """Whether the table has the move."""
        return new in TRANSITIONS[self]

    def moved_to(self, new: OrderStatus) -> OrderStatus:
        """Return `new`; staying where it is is no move. Raise ConflictError for a move that cannot happen."""
        if new is not self and not self.may_become(new):
            raise ConflictError(f"an order that is {self} cannot become {new}")
        return new


_S: Final = OrderStatus
#: From each status the ones that can follow it. Terminal ones never move.
TRANSITIONS: Final[Mapping[OrderStatus, frozenset[OrderStatus]]] = {
    _S.SENDING: frozenset({_S.NEW, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED, _S.UNKNOWN}),
    _S.UNKNOWN: frozenset({_S.NEW, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED, _S.ABSENT}),
    # A stop that rests can be rejected when it triggers: there may be no margin or no position for it any more.
    _S.NEW: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELED, _S.EXPIRED, _S.REJECTED}),
    _S.PARTIALLY_FILLED: frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED}),
    _S.FILLED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.ABSENT: frozenset(),
}


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What is sent to the exchange. Quantities and prices lie on the symbol's grid already."""

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    client_order_id: str
    reduce_only: bool = False
    price: Decimal | None = None
    stop_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OcoRequest:
    """A spot order list that leaves a position at its stop or at its take profit, whichever comes first."""

    symbol: str
    side: Side
    quantity: Decimal
    list_client_order_id: str
    stop_price: Decimal
    stop_client_order_id: str
    take_profit_price: Decimal
    take_profit_client_order_id: str


@dataclass(frozen=True, slots=True)
class StopRequest:
    """A reduce-only stop of a futures position, on the algo endpoint, working on the last price."""

    symbol: str
    side: Side
    quantity: Decimal
    stop_price: Decimal
    client_algo_id: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order: price in quote, quantity in base, commission in its own asset."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class Execution:
    """What some fills of one order add up to. The sums are exact; the average price is for reading."""

    quantity: Decimal
    quote_quantity: Decimal
    #: Asset and amount, in order of the asset's name.
    commissions: tuple[tuple[str, Decimal], ...]
    executed_at: datetime

    @staticmethod
    def from_fills(fills: Iterable[Fill]) -> Execution:
        """Add up at least one fill; the time is the last one's."""
        quantity, quote, commissions = ZERO, ZERO, dict[str, "Decimal"]()
        executed_at: datetime | None = None
        listed = tuple(fills)  # a generator would run in our context
        with exact():
            for fill in listed:
                quantity += fill.quantity
                quote += fill.quote_quantity
                commissions[fill.commission_asset] = commissions.get(fill.commission_asset, ZERO) + fill.commission
                executed_at = fill.executed_at if executed_at is None else max(executed_at, fill.executed_at)
        if executed_at is None or quantity <= 0:
            raise InvalidInputError("an execution needs at least one fill of a quantity above zero")
        return Execution(quantity, quote, tuple(sorted(commissions.items())), executed_at)

    @property
    def price(self) -> Fraction:
        """Average price, exactly."""
        return ratio(self.quote_quantity, self.quantity)

    @property
    def average_price(self) -> Decimal:
        """Average price cut to twelve decimals, for columns and screens."""
        return display_price(self.price)
