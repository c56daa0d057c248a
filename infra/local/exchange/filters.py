"""The filters of an order's price, quantity and value, with each market's own refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO, decimals_of, is_multiple, plain
from infra.local.exchange.errors import ApiError, filter_failure

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.tickets import Ticket

_SPOT_PRECISION = 8


def check_spot_numbers(ticket: Ticket) -> None:
    """Refuse numbers with too many decimals, and an order without quantity or price."""
    for name, amount in (
        ("quantity", ticket.quantity),
        ("price", ticket.price),
        ("stopPrice", ticket.stop_price),
        ("quoteOrderQty", ticket.quote_quantity),
    ):
        if decimals_of(amount) > _SPOT_PRECISION:
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
    if not (ticket.quantity or ticket.quote_quantity):
        raise ApiError(-1013, "Invalid quantity.")
    if not (ticket.is_market or ticket.price or ticket.stop_price):
        raise ApiError(-1013, "Invalid price.")


def check_spot(instrument: Instrument, ticket: Ticket, quantity: Decimal, average_price: Decimal) -> None:
    """Hold a spot order of `quantity` base against its filters; a market order's value is taken at the mean price."""
    if ticket.is_market:
        _check_spot_quantity(instrument, quantity)
        if instrument.market_max_quantity and quantity > instrument.market_max_quantity:
            raise filter_failure("MARKET_LOT_SIZE")
        notional = ticket.quote_quantity or quantity * average_price
    else:
        _check_spot_price(instrument, ticket, average_price)
        _check_spot_quantity(instrument, quantity)
        notional = ticket.quantity * ticket.price
        if instrument.max_notional and notional > instrument.max_notional:
            raise filter_failure("NOTIONAL")
    if notional < instrument.min_notional:
        raise filter_failure("NOTIONAL")


def check_spot_stop(instrument: Instrument, ticket: Ticket, waiting: int) -> None:
    """Hold a stop against its filters; its value is taken at its stop price."""
    if not instrument.min_price <= ticket.stop_price <= instrument.max_price:
        raise filter_failure("PRICE_FILTER")
    if not is_multiple(ticket.stop_price, instrument.tick_size):
        raise filter_failure("PRICE_FILTER")
    _check_spot_quantity(instrument, ticket.quantity)
    if instrument.market_max_quantity and ticket.quantity > instrument.market_max_quantity:
        raise filter_failure("MARKET_LOT_SIZE")
    if ticket.quantity * ticket.stop_price < instrument.min_notional:
        raise filter_failure("NOTIONAL")
    if waiting >= instrument.max_stops:
        raise filter_failure("MAX_NUM_ALGO_ORDERS")


def _check_spot_price(instrument: Instrument, ticket: Ticket, average_price: Decimal) -> None:
    price = ticket.price
    if not instrument.min_price <= price <= instrument.max_price or not is_multiple(price, instrument.tick_size):
        raise filter_failure("PRICE_FILTER")
    if not average_price * instrument.price_down <= price <= average_price * instrument.price_up:
        raise filter_failure("PERCENT_PRICE_BY_SIDE")


def _check_spot_quantity(instrument: Instrument, quantity: Decimal) -> None:
    within = instrument.min_quantity <= quantity <= instrument.max_quantity
    if not within or not is_multiple(quantity, instrument.step_size):
        raise filter_failure("LOT_SIZE")


def check_futures(instrument: Instrument, ticket: Ticket, mark: Decimal, resting: int) -> None:
    """Hold a futures order against its filters; a market order's value is taken at the mark price."""
    quantity, price = ticket.quantity, ticket.price
    check_futures_amount(instrument, quantity, is_market=ticket.is_market)
    if not ticket.is_market:
        _check_futures_price(instrument, price, mark)
        if ticket.may_rest and resting >= instrument.max_orders:
            raise ApiError(-2025, "Reach max open order limit.")
    if not ticket.reduce_only:
        check_futures_notional(instrument, quantity * (mark if ticket.is_market else price))


def check_futures_amount(instrument: Instrument, quantity: Decimal, *, is_market: bool) -> None:
    """Hold a futures quantity against its filters."""
    if quantity <= ZERO:
        raise ApiError(-4003, "Quantity less than or equal to zero.")
    if decimals_of(quantity) > decimals_of(instrument.step_size):
        raise ApiError(-1111, "Precision is over the maximum defined for this asset.")
    if quantity < instrument.min_quantity:
        raise ApiError(-4004, "Quantity less than min quantity.")
    if quantity > (instrument.market_max_quantity if is_market else instrument.max_quantity):
        raise ApiError(-4005, "Quantity greater than max quantity.")
    if not is_multiple(quantity, instrument.step_size):
        raise ApiError(-4023, "Quantity not increased by step size.")


def check_futures_notional(instrument: Instrument, notional: Decimal) -> None:
    """Refuse an opening order that is worth too little."""
    if notional < instrument.min_notional:
        least = plain(instrument.min_notional)
        raise ApiError(-4164, f"Order's notional must be no smaller than {least} (unless you choose reduce only).")


def check_futures_trigger(instrument: Instrument, price: Decimal) -> None:
    """Hold a trigger price against the price filter; it may lie as far from the market as it likes."""
    if price <= ZERO:
        raise ApiError(-4006, "Stop price less than zero.")
    if price < instrument.min_price:
        raise ApiError(-4013, "Price less than min price.")
    if price > instrument.max_price:
        raise ApiError(-4002, "Price greater than max price.")
    if not is_multiple(price, instrument.tick_size):
        raise ApiError(-4014, "Price not increased by tick size.")


def _check_futures_price(instrument: Instrument, price: Decimal, mark: Decimal) -> None:
    if price <= ZERO:
        raise ApiError(-4001, "Price less than 0.")
    if price < instrument.min_price:
        raise ApiError(-4013, "Price less than min price.")
    if price > instrument.max_price:
        raise ApiError(-4002, "Price greater than max price.")
    if not is_multiple(price, instrument.tick_size):
        raise ApiError(-4014, "Price not increased by tick size.")
    highest, lowest = mark * instrument.price_up, mark * instrument.price_down
    if price > highest:
        raise ApiError(-4016, f"Limit price can't be higher than {plain(highest)}.")
    if price < lowest:
        raise ApiError(-4024, f"Limit price can't be lower than {plain(lowest)}.")
